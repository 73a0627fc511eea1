"""What the eigenvalues of a game's Jacobian say of the point where the players are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import ArgumentError
from .measures import Costs, jacobian

__all__ = ["Stability", "Verdict", "stability", "verdict_of"]

Verdict = Literal["stable", "unstable", "rotating", "saddle", "undecided"]
Eigenvalues = np.ndarray[Any, np.dtype[np.complex128]]

ROUNDING = 100  # units of rounding error, for each row of the matrix, that an eigenvalue may be off


@dataclass(frozen=True)
class Stability:
    """How gradient play behaves near a point where the field vanishes.

    Attributes:
        eigenvalues: of the Jacobian of the field v, (n,), complex, by growing real part.
        verdict: of dw/dt = -v(w). "stable": all real parts are positive, and it comes back from small deviations.
            "unstable": some are negative and none positive. "saddle": some are negative and some positive.
            "rotating": none is negative, and there are pairs on the imaginary axis, around which it turns.
            "undecided": none is negative, but one eigenvalue is zero, so that higher derivatives decide.
        tolerance: real and imaginary parts smaller than this count as zero.
    """

    eigenvalues: Eigenvalues
    verdict: Verdict
    tolerance: float

    @property
    def rotates(self) -> bool:
        """Whether paths turn: some eigenvalues have an imaginary part."""
        return bool((np.abs(self.eigenvalues.imag) > self.tolerance).any())

    def factor(self, lr: float) -> float:
        """The factor by which simultaneous descent with this step size grows or shrinks deviations in the long run.

        It is the spectral radius of I - lr J, the largest |1 - lr lambda|.

        >>> import thalweg as tw
        >>> x = y = tw.tensor(0.0)
        >>> round(stability(lambda x, y: (x * y, -x * y), x, y).factor(0.1), 6)  # sqrt(1 + 0.1^2)
        1.004988
        """
        return float(np.abs(1 - lr * self.eigenvalues).max())

    @property
    def largest_lr(self) -> float:
        """The step size below which simultaneous descent converges, min 2 Re(lambda) / |lambda|^2; 0 if none does."""
        if self.verdict != "stable":
            return 0.0
        return float((2 * self.eigenvalues.real / np.abs(self.eigenvalues) ** 2).min())

    def __str__(self) -> str:
        low, high = self.eigenvalues.real.min(), self.eigenvalues.real.max()
        return (
            f"{self.verdict}: {len(self.eigenvalues)} eigenvalues with real parts from {low:.4g} to {high:.4g}, "
            f"imaginary parts up to {np.abs(self.eigenvalues.imag).max():.4g}"
        )


def stability(costs: Costs, *players: Any, tolerance: float | None = None) -> Stability:
    """The eigenvalues of the game's Jacobian at a point, and what they say of gradient play dw/dt = -v(w).

    At a point where the field does not vanish they describe how neighbouring paths run together or apart.

    Args:
        costs: ``costs(*players)`` returns the costs, one for each player.
        players: for each player a tensor, or a structure of them, at the point.
        tolerance: parts of eigenvalues below this, as a share of the largest modulus, count as zero; by default
            what the rounding errors of the Jacobian's dtype may amount to.

    Raises:
        ArgumentError: the Jacobian has entries that are not finite.

    Source: Mescheder, Nowozin and Geiger (2017), The numerics of GANs; Mazumdar, Ratliff and Sastry (2020), On
    gradient-based learning in continuous games.

    >>> import thalweg as tw
    >>> found = stability(lambda x, y: (x * y, -x * y), tw.tensor(0.0), tw.tensor(0.0))
    >>> found.verdict, found.eigenvalues.imag.tolist()
    ('rotating', [-1.0, 1.0])
    """
    matrix = jacobian(costs, *players).detach().numpy()
    if not np.isfinite(matrix).all():
        raise ArgumentError(
            "stability: the game's Jacobian has entries that are not finite at this point; look at one beside it"
        )
    found = np.linalg.eigvals(matrix.astype(np.float64))
    order = np.lexsort((found.imag, found.real))
    values = found[order].astype(np.complex128)
    share = ROUNDING * len(matrix) * float(np.finfo(matrix.dtype).eps) if tolerance is None else tolerance
    limit = share * float(np.abs(values).max())
    return Stability(values, verdict_of(values, limit), limit)


def verdict_of(eigenvalues: Eigenvalues, tolerance: float) -> Verdict:
    """What eigenvalues of the field's Jacobian say of gradient play; see ``Stability``.

    >>> [verdict_of(np.array(values), 1e-9) for values in ([1 + 1j, 1 - 1j], [-1, 2], [1, 0])]
    ['stable', 'saddle', 'undecided']
    """
    falls, grows = eigenvalues.real > tolerance, eigenvalues.real < -tolerance
    if grows.any():
        return "saddle" if falls.any() else "unstable"
    if falls.all():
        return "stable"
    turns = np.abs(eigenvalues.imag) > tolerance
    return "rotating" if (falls | turns).all() else "undecided"
