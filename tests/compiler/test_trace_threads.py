"""Threads that call, record and compute eagerly at the same time, on the same parameters."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

import thalweg as tw
from thalweg import nn
from thalweg.compiler import compile
from thalweg.core.tensor import Tensor


def test_threads_do_not_disturb_one_another() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    shift = nn.Parameter(tw.ones(4))

    def squares(x: Any) -> Any:
        return (model(x * shift) ** 2).sum()

    def average(x: Any) -> Any:
        return model(x * shift).mean()

    errors: list[str] = []
    done = threading.Event()
    steps = 0

    def call(compiled: Any, function: Any, rows: int) -> None:
        try:
            for i in range(8):
                x = tw.full((rows + i % 3, 4), 0.1)
                np.testing.assert_allclose(compiled(x).item(), function(x).item(), rtol=1e-5)
        except Exception as error:
            errors.append(repr(error))

    def compute_eagerly() -> None:
        nonlocal steps
        x = tw.ones(3, 4)
        weight = model[0].weight
        try:
            while not done.is_set():
                (expected,) = tw.autograd.grad(squares(x), [weight])
                weight.grad = None
                squares(x).backward()
                assert type(weight.grad._value) is np.ndarray
                np.testing.assert_allclose(weight.grad.numpy(), expected.numpy(), rtol=1e-4)
                weight.data = weight.data.clone()
                steps += 1
        except Exception as error:
            errors.append(repr(error))

    jobs = [(compile(squares), squares), (compile(average), average)]
    callers = [threading.Thread(target=call, args=(*job, rows)) for job in jobs for rows in (1, 2)]
    eager = threading.Thread(target=compute_eagerly)
    for thread in (eager, *callers):
        thread.start()
    for thread in callers:
        thread.join()
    done.set()
    eager.join()
    assert not errors
    assert steps > 3
    assert type(Tensor.__dict__["_value"]).__name__ == "member_descriptor"
