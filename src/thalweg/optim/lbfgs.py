"""LBFGS: a quasi-Newton method that remembers its last steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..core.modes import enable_grad, no_grad
from ..core.tensor import Tensor
from ..errors import OptimizerError
from ..ops.creation import zeros_like
from .flat import flattened, move_to, place
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno.

    From the last ``history_size`` steps s and changes of the gradient y it estimates the inverse Hessian, and moves by
    that times the gradient. A ``step`` makes up to ``max_iter`` of such moves, and calls ``closure``, which computes
    the loss and the gradients anew, for each. For smooth losses of all data at once; not within ``tw.compile``.

    Args:
        params: one group of parameters.
        lr: the length of a move, or of the line search's first try.
        max_iter: the most moves of a step.
        max_eval: the most calls of the closure in a step; 1.25 max_iter if None.
        tolerance_grad: stop if no element of the gradient is larger.
        tolerance_change: stop if neither the loss nor a parameter changes by more.
        history_size: how many moves are remembered.
        line_search_fn: None, or "strong_wolfe": each move is as long as to fulfil Wolfe's conditions.

    Raises:
        OptimizerError: more than one group, or another line search.

    Reference: Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4 and 3.5.

    >>> import thalweg as tw
    >>> w = tw.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = tw.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - tw.tensor([1.0, 2.0])) ** 4).sum()
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(closure)
    >>> closure().item() < 1e-6
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if not lr >= 0:
            raise OptimizerError(f"LBFGS: lr must not be negative, got {lr}")
        if line_search_fn not in (None, "strong_wolfe"):
            raise OptimizerError(f"LBFGS: line_search_fn must be None or 'strong_wolfe', not {line_search_fn!r}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise OptimizerError("LBFGS: takes one group of parameters; its options can't differ between them")

    # -- all parameters as one vector ---------------------------------------------------------------------

    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def _gradient(self) -> Tensor:
        return flattened([zeros_like(p) if p.grad is None else p.grad for p in self._params()])

    # -- the step -----------------------------------------------------------------------------------------

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to ``max_iter`` moves; returns the loss at the beginning.

        Raises:
            OptimizerError: without a closure.
        """
        if closure is None:
            raise OptimizerError("LBFGS: step needs a closure that computes the loss and the gradients anew")
        evaluate = enable_grad()(closure)
        group, state = self.param_groups[0], self.state[self._params()[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = evaluate()
        state["func_evals"] += 1
        evaluations, loss, gradient = 1, float(first), self._gradient()
        for i in range(group["max_iter"]):
            if gradient.abs().max().item() <= group["tolerance_grad"]:
                break
            state["n_iter"] += 1
            direction = self._direction(state, group, gradient)
            slope = gradient.dot(direction).item()
            length = group["lr"] * (min(1.0, 1 / gradient.abs().sum().item()) if state["n_iter"] == 1 else 1)
            if slope > -group["tolerance_change"]:
                break
            state["prev_flat_grad"], before = gradient, loss
            last = i == group["max_iter"] - 1
            point, calls = self._moved(evaluate, Point(0.0, loss, gradient, slope), direction, length, last)
            loss, gradient = point.loss, point.gradient
            state["d"], state["t"] = direction, point.length
            evaluations += calls
            state["func_evals"] += calls
            step_size = (direction * point.length).abs().max().item()
            if (
                evaluations >= group["max_eval"]
                or step_size <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return first

    def _moved(
        self, evaluate: Callable[[], Any], at: Point, direction: Tensor, length: float, last: bool
    ) -> tuple[Point, int]:
        """The point that a move ends at, where the parameters are then, and the number of evaluations."""
        look = _Line(self, evaluate, place(self._params()), direction)
        if self.param_groups[0]["line_search_fn"] == "strong_wolfe":
            size = direction.abs().max().item()
            point, calls = strong_wolfe(look, at, length, size, self.param_groups[0]["tolerance_change"])
            look.go(point.length)
            return point, calls
        if last:  # as in PyTorch, the loss after the last move is not asked for
            look.go(length)
            return Point(length, at.loss, at.gradient, at.slope), 0
        return look(length), 1

    def _direction(self, state: dict[str, Any], group: dict[str, Any], gradient: Tensor) -> Tensor:
        """Minus the gradient times the estimated inverse Hessian: the two loops of algorithm 7.4."""
        if "d" not in state:
            state.update(old_dirs=[], old_stps=[], H_diag=1.0)
            return -gradient
        y, s = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = y.dot(s).item()
        if curvature > 1e-10:
            if len(state["old_dirs"]) == group["history_size"]:
                del state["old_dirs"][0], state["old_stps"][0]
            state["old_dirs"].append(y)
            state["old_stps"].append(s)
            state["H_diag"] = curvature / y.dot(y).item()
        pairs = [(s, y, 1 / y.dot(s).item()) for s, y in zip(state["old_stps"], state["old_dirs"], strict=True)]
        q, weights = -gradient, []
        for s, y, rho in reversed(pairs):
            weights.append(rho * s.dot(q).item())
            q = q - weights[-1] * y
        r = q * state["H_diag"]
        for (s, y, rho), weight in zip(pairs, reversed(weights), strict=True):
            r = r + s * (weight - rho * y.dot(r).item())
        return r


class _Line:
    """The places along a direction: called with a length it moves the parameters there and evaluates."""

    def __init__(self, optimizer: LBFGS, evaluate: Callable[[], Any], start: Tensor, direction: Tensor) -> None:
        self.optimizer, self.evaluate, self.start, self.direction = optimizer, evaluate, start, direction

    def go(self, length: float) -> None:
        """Move the parameters."""
        move_to(self.optimizer._params(), self.start + length * self.direction)

    def __call__(self, length: float) -> Point:
        self.go(length)
        loss, gradient = float(self.evaluate()), self.optimizer._gradient()
        return Point(length, loss, gradient, gradient.dot(self.direction).item())
