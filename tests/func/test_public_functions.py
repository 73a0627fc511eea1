"""Public functions and layers inside transformations: the cases of the comparison with PyTorch, without PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import TransformError
from thalweg.func import jvp, vjp, vmap

from ..oracle.cases_func import Program
from ..oracle.harness import Case, Layer, all_cases, outputs

# What depends on values that each sample has of its own: shapes, positions, branches.
REFUSED = {
    "allclose", "argwhere", "bincount", "equal", "histc", "histogram", "masked_select", "nonzero", "unique",
    "unique_consecutive", "nn.utils.rnn.unpad_sequence",
}  # fmt: skip
MIXED = {f"nn.BatchNorm{d}d" for d in (1, 2, 3)}  # running averages belong to no sample
READ = {"linalg.cholesky_ex", "linalg.inv_ex", "linalg.lstsq", "linalg.solve_ex"}  # look at the values themselves
UNSMOOTH = {"detach", "scatter", "special.zeta"}  # the last write counts where an index occurs twice


def first_cases() -> list[Case]:
    """The first case of every name that takes tensors."""
    found: dict[str, Case] = {}
    for case in all_cases():
        if not isinstance(case, Program) and list(case.slots()):
            found.setdefault(case.name, case)
    return list(found.values())


class Call:
    """A case as a function of its tensors, and arrays for them."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.module = case.module(tw) if isinstance(case, Layer) else None

    def arrays(self, seed: int) -> list[Any]:
        rng = np.random.default_rng(seed)
        return [slot.array(rng) for slot in self.case.slots()]

    def __call__(self, *tensors: Any) -> list[Any]:
        tw.manual_seed(0)
        if isinstance(self.case, Layer):
            return outputs(self.case.run_module(self.module, list(tensors)))
        return outputs(self.case.run(tw, self.case.forms()[0], list(tensors)))


CASES = first_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_batches_equal_the_loop(case):
    call = Call(case)
    samples = [call.arrays(seed) for seed in (3, 4)]
    together = [tw.tensor(np.stack(column)) for column in zip(*samples, strict=True)]
    if case.name in REFUSED | MIXED | READ:
        with pytest.raises((TransformError, ValueError)):
            vmap(call, randomness="same")(*together)
        return
    with np.errstate(all="ignore"):
        got = vmap(call, randomness="same")(*together)
        for i, arrays in enumerate(samples):
            for y, want in zip(got, call(*map(tw.tensor, arrays)), strict=True):
                np.testing.assert_allclose(y[i].detach().numpy(), want.detach().numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("case", [c for c in CASES if c.order and c.name not in READ | UNSMOOTH], ids=lambda c: c.name)
def test_forward_mode_is_the_transpose_of_reverse_mode(case):
    call = Call(case)
    arrays, rng = call.arrays(3), np.random.default_rng(4)
    moving = [i for i, slot in enumerate(case.slots()) if slot.grad and arrays[i].dtype.kind == "f"]

    def smooth(*xs: Any) -> list[Any]:
        given = list(map(tw.tensor, arrays))
        for i, x in zip(moving, xs, strict=True):
            given[i] = x
        return [y for y in call(*given) if y.is_floating_point()]

    xs = tuple(tw.tensor(arrays[i]) for i in moving)
    if not moving or not smooth(*xs):
        return
    us = tuple(tw.tensor(rng.normal(size=x.shape)) for x in xs)
    with np.errstate(all="ignore"):
        ys, dots = jvp(smooth, xs, us)
        vs = [tw.tensor(rng.normal(size=y.shape)).to(y.dtype) for y in ys]
        dxs = vjp(smooth, *xs)[1](vs)
    forward = sum((dot * v).sum().item() for dot, v in zip(dots, vs, strict=True))
    backward = sum((dx * u).sum().item() for dx, u in zip(dxs, us, strict=True))
    assert forward == pytest.approx(backward, rel=1e-6, abs=1e-8, nan_ok=True)
