"""What ``explain`` has found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from . import report

__all__ = ["Blame", "Explanation", "Finding"]


@dataclass(frozen=True)
class Blame:
    """What is to blame for a gradient.

    Attributes:
        op: the operation; "" where there is none, as for a module that was never called.
        reason: what happened there, in words.
        module: the module's path and class, "encoder.0 (Linear)"; "" outside of modules or if it is not known.
        line: the user's line, "net.py:12"; "" if it is not known.
        suggestion: what to do about it.
        flat: whether the loss does not change with the parameter there: a staircase, or a plateau.
    """

    op: str
    reason: str
    module: str = ""
    line: str = ""
    suggestion: str = ""
    flat: bool = False


@dataclass(frozen=True)
class Finding:
    """A parameter whose gradient is of no use.

    Attributes:
        parameter: its name in the model.
        shape: its shape.
        symptom: "missing", "zero", "tiny", "huge", "nan" or "infinite".
        size: the root mean square of the gradient, where it is a number.
        blame: what is to blame.
    """

    parameter: str
    shape: tuple[int, ...]
    symptom: str
    blame: Blame
    size: float | None = None


@dataclass(frozen=True)
class Explanation:
    """The parameters whose gradient is missing, zero, tiny, huge or no number, and why; empty if there are none.

    It prints as sentences, and draws itself as a table in notebooks.

    Attributes:
        findings: one for each such parameter.
        notes: what else is to be said, such as that the loss is a staircase.
        count: how many parameters were looked at.
    """

    findings: Sequence[Finding] = ()
    notes: Sequence[str] = field(default=())
    count: int = 0

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, parameter: str) -> Finding:
        """The finding for a parameter, by its name."""
        found = [f for f in self.findings if f.parameter == parameter]
        if not found:
            raise KeyError(parameter)
        return found[0]

    def __str__(self) -> str:
        return report.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return report.html(self)
