"""What ``minimize`` returns, in SciPy's shape."""

from __future__ import annotations

from typing import Any

__all__ = ["OptimizeResult"]


class OptimizeResult(dict[str, Any]):
    """A dictionary whose entries are attributes, too.

    ``x`` the best parameters, a tensor; ``fun`` their cost; ``success``; ``status``: 0 converged, 1 out of evaluations,
    2 out of iterations, 3 no finite cost found, 4 stuck where the gradient is large, as at a kink; ``message``: what
    ended it; ``nfev``, ``njev``, ``nit``: the numbers of evaluations, of gradients among them, and of iterations;
    ``method``: the name of the optimiser; ``reason``: why this method; ``jac``: the gradient at ``x``, where the method
    has one.

    >>> from thalweg.optim import OptimizeResult
    >>> OptimizeResult(fun=1.5, success=True).fun
    1.5
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this OptimizeResult has no {name!r}; it has {', '.join(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{key:>{width}}: {_indented(repr(value), width + 2)}" for key, value in self.items())


def _indented(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)
