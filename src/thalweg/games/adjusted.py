"""Methods that bend the field of the players' gradients by its own derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.backward import gradients
from ..core.modes import enable_grad
from ..core.tensor import Tensor, wrap
from ..ops.creation import zeros_like
from ..ops.elementwise import sign
from ..optim.building import Hyper, State
from .optimizer import Closure, Costs, GameOptimizer, options_of

__all__ = ["Consensus", "SymplecticAdjustment", "along_field", "inner", "products"]

Field = dict[Tensor, Tensor]
ALIGNMENT = 0.1  # epsilon of the paper's algorithm 1: near equilibria, where all products vanish, the sign is +


def along_field(gradient: Any, parameter: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """The step size times the field, in which the players that maximise have their signs already."""
    return hyper["lr"] * gradient, {}


def inner(a: Mapping[Tensor, Tensor], b: Mapping[Tensor, Tensor]) -> Tensor:
    """The inner product of two fields, each with a tensor for each parameter."""
    terms = [(a[p] * b[p]).sum() for p in a]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def products(field: Field) -> tuple[Field, Field]:
    """J' v and J v, the products of the field v with its own Jacobian, transposed and as it is.

    The first is a walk back from v with cotangents u, at u = v. It is linear in u, and J v is its own derivative
    by u, with cotangents v: the transpose of a transpose.
    """
    params = list(field)
    fixed = {p: v.detach() for p, v in field.items()}
    u = {p: v.clone().requires_grad_() for p, v in fixed.items()}
    roots = [p for p in params if field[p].requires_grad]
    zeros = {p: zeros_like(fixed[p]) for p in params}
    if not roots:
        return zeros, dict(zeros)
    backward = gradients(
        [field[p] for p in roots], params, [u[p] for p in roots], create_graph=True, allow_unused=True
    )  # fmt: skip
    transposed = {p: zeros[p] if g is None else g for p, g in zip(params, backward, strict=True)}
    linear = [p for p in params if transposed[p].requires_grad]
    if not linear:
        return transposed, dict(zeros)
    forward = gradients(
        [transposed[p] for p in linear], [u[p] for p in params], [fixed[p] for p in linear], allow_unused=True
    )
    product = {p: zeros[p] if g is None else g for p, g in zip(params, forward, strict=True)}
    return {p: t.detach() for p, t in transposed.items()}, product


class Adjusted(GameOptimizer):
    """What the two methods share: the field v of the gradients, recorded, and a step along v plus an adjustment."""

    rule = staticmethod(along_field)
    strength: str  # the option that scales the adjustment

    def play(self, closure: Closure) -> Costs:
        costs = self.costs(closure)
        with enable_grad():
            field = self.field(costs)
            adjustment = self.adjustment(field)
        self.descend(self.added(field, adjustment))
        return costs

    def field(self, costs: Costs) -> Field:
        """The gradients of all parameters, negative where they are ascended; zeros where a cost does not use one."""
        found = self.gradients(costs, create_graph=True)
        field: Field = {}
        for group in self.param_groups:
            ascending = options_of(group)["maximize"]
            for p in group["params"]:
                if p.requires_grad:
                    v = found[p] if p in found else zeros_like(p.detach())
                    field[p] = -v if ascending else v
        return field

    def adjustment(self, field: Field) -> Field:
        """What is added to the field, once the strength has scaled it."""
        raise NotImplementedError(f"{self._name()} does not define adjustment")

    def added(self, field: Field, adjustment: Field) -> Field:
        """The field plus strength times the adjustment, each group with its own strength."""
        total: Field = {}
        for group in self.param_groups:
            strength = options_of(group)[self.strength]
            for p in group["params"]:
                if p in field:
                    total[p] = wrap(field[p]._value + strength * adjustment[p]._value)
        return total


class Consensus(Adjusted):
    """Descent along v + gamma grad(||v||^2 / 2): the players agree to make the gradients of all of them small.

    With the Jacobian J of the field v the second term is gamma J' v. It turns eigenvalues on the imaginary axis into
    ones with positive real part, but may also draw towards points where v is small without being zero. On
    f(x, y) = x y each step shrinks the distance by the factor sqrt((1 - eta gamma)^2 + eta^2).

    Args:
        players: for each player its parameters, or groups of them; see ``GameOptimizer``.
        lr: eta.
        gamma: the weight of the second term, at least 0.
        maximize: as for ``SimultaneousDescent``.

    Raises:
        OptimizerError: an option out of range.

    Source: Mescheder, Nowozin and Geiger (2017), The numerics of GANs.

    >>> import thalweg as tw
    >>> x, y = (tw.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = tw.games.Consensus([x, y], lr=0.5, gamma=2.0)
    >>> _ = game.step(lambda: (x * y, -x * y))
    >>> x.item(), y.item()
    (-0.5, 0.5)
    """

    strength = "gamma"
    not_negative = ("lr", "gamma")

    def __init__(self, players: Iterable[Any], lr: Any = 1e-3, gamma: float = 1.0, *, maximize: bool = False) -> None:
        super().__init__(players, {"lr": lr, "gamma": gamma, "maximize": maximize})

    def adjustment(self, field: Field) -> Field:
        energy = inner(field, field) / 2
        zeros = {p: zeros_like(v.detach()) for p, v in field.items()}
        if not energy.requires_grad:
            return zeros
        found = gradients(energy, list(field), allow_unused=True)
        return {p: zeros[p] if g is None else g for p, g in zip(field, found, strict=True)}


class SymplecticAdjustment(Adjusted):
    """Descent along v + lambda A' v, where A = (J - J') / 2 is the part of the field's Jacobian that turns.

    In a game of potentials A is zero, and this is gradient descent; in a Hamiltonian game such as f(x, y) = x y it
    descends the energy ||v||^2 / 2. With ``align`` the sign of lambda is chosen in each step so that the adjustment
    attracts to stable equilibria and repels from unstable ones: that of <v, J' v> <A' v, J' v> / n + 0.1, for n
    parameters. The costs are those of two further walks back.

    Args:
        players: for each player its parameters, or groups of them; see ``GameOptimizer``.
        lr: the step size.
        strength: lambda, at least 0.
        align: choose the sign of lambda.
        maximize: as for ``SimultaneousDescent``.

    Raises:
        OptimizerError: an option out of range.

    Source: Balduzzi et al. (2018), The mechanics of n-player differentiable games, algorithm 1.

    >>> import thalweg as tw
    >>> x, y = (tw.tensor(1.0, requires_grad=True) for _ in range(2))
    >>> game = tw.games.SymplecticAdjustment([x, y], lr=0.5, strength=2.0)
    >>> _ = game.step(lambda: (x * y, -x * y))
    >>> x.item(), y.item()
    (-0.5, 0.5)
    """

    strength = "strength"
    not_negative = ("lr", "strength")

    def __init__(
        self,
        players: Iterable[Any],
        lr: Any = 1e-3,
        strength: float = 1.0,
        *,
        align: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(players, {"lr": lr, "strength": strength, "align": align, "maximize": maximize})

    def adjustment(self, field: Field) -> Field:
        transposed, product = products(field)
        turned = {p: (transposed[p] - product[p]) / 2 for p in field}
        aligned = [p for group in self.param_groups if options_of(group)["align"] for p in group["params"]]
        if not aligned:
            return turned
        fixed = {p: v.detach() for p, v in field.items()}
        size = sum(v.numel() for v in fixed.values())
        signed = sign(inner(fixed, transposed) * inner(turned, transposed) / size + ALIGNMENT)
        return turned | {p: signed * turned[p] for p in aligned if p in turned}
