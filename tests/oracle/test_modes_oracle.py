"""Modes, defaults, functions of people's own and their checks: the same programs in both libraries."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]


def in_modes(m: Any) -> Any:
    """Whether gradients are recorded, in and after each mode, nested too."""
    x = m.ones(2, requires_grad=True)
    seen = []
    modes = [m.no_grad, m.enable_grad, m.inference_mode, m.autograd.no_grad, m.autograd.enable_grad]
    modes += [m.autograd.inference_mode, lambda: m.set_grad_enabled(False), lambda: m.autograd.set_grad_enabled(True)]
    for outer in modes:
        with outer():
            seen.append((x * 2).requires_grad)
            with m.no_grad():
                seen.append((x * 2).requires_grad)
        seen.append((x * 2).requires_grad)
    return seen


def as_decorators(m: Any) -> Any:
    x = m.ones(2, requires_grad=True)
    return [mode()(lambda: x * 2)().requires_grad for mode in (m.no_grad, m.enable_grad, m.inference_mode)]


def default_dtype(m: Any) -> Any:
    before = m.get_default_dtype()
    try:
        m.set_default_dtype(m.float64)
        return [str(x.dtype) for x in (m.ones(1), m.tensor(1.5), m.tensor(1), m.rand(2), m.tensor(1) / 2)]
    finally:
        m.set_default_dtype(before)


def own_function(m: Any) -> Any:
    class Cube(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, scale: float) -> Any:
            ctx.save_for_backward(x)
            ctx.scale = scale
            return x**3 * scale

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            (x,) = ctx.saved_tensors
            return dy * 3 * x**2 * ctx.scale, None

    x = m.tensor([1.0, -2.0], dtype=m.float64, requires_grad=True)
    y = Cube.apply(x, 2.0)
    (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
    return [y.tolist(), g.tolist(), m.autograd.grad(g.sum(), x)[0].tolist()]


def checks(m: Any) -> Any:
    """What gradcheck and gradgradcheck say of a right and of a wrong derivative."""

    class Wrong(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * 3

    x = m.tensor([0.3, -0.7], dtype=m.float64, requires_grad=True)
    answers = [m.autograd.gradcheck(m.sin, [x]), m.autograd.gradgradcheck(m.sin, [x])]
    answers.append(m.autograd.gradcheck(Wrong.apply, [x], raise_exception=False))
    try:
        m.autograd.gradcheck(Wrong.apply, [x])
    except RuntimeError:
        answers.append("refused")
    return answers


def backward(m: Any) -> Any:
    x = m.tensor([1.0, 2.0], requires_grad=True)
    m.autograd.backward([x.sum(), (x * x)], [None, m.tensor([1.0, 10.0])])
    return x.grad.tolist()


def saved(m: Any) -> Any:
    file = io.BytesIO()
    m.save({"a": m.arange(3), "b": [1, 2.5, "c"]}, file)
    file.seek(0)
    back = m.load(file)
    return [back["a"].tolist(), back["b"]]


def typed(m: Any) -> Any:
    names = ["Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "Float", "Double"]
    made = [getattr(m, f"{n}Tensor")([1, 0]) for n in names]
    direct = [m.BoolTensor([True]), m.FloatTensor(2, 3)]
    return [(str(x.dtype).split(".")[1], x.tolist()) for x in made] + [x.shape[0] for x in direct]


def printed(m: Any) -> Any:
    try:
        m.set_printoptions(precision=2, sci_mode=False)
        return [str(m.tensor([1.23456, 1e-3])), str(m.tensor([[1.0, float("nan")]]))]
    finally:
        m.set_printoptions(profile="default")


def checkpoints(m: Any) -> Any:
    checkpoint = m.utils.checkpoint
    contexts = checkpoint.noop_context_fn()
    return [len(contexts), issubclass(checkpoint.CheckpointError, RuntimeError)]


def clipped(m: Any) -> Any:
    """Gradients under PyTorch's old name of the clipping."""
    x = m.tensor([3.0, 4.0], dtype=m.float64, requires_grad=True)
    (x * x).sum().backward()
    return m.nn.utils.clip_grad_norm(x, 1.0).item(), [round(v, 6) for v in x.grad.tolist()]


def anomalies(m: Any) -> Any:
    """Whether a backward that makes NaN is refused, in the modes and outside."""
    answers = []
    modes = [m.autograd.detect_anomaly, lambda: m.autograd.detect_anomaly(check_nan=False)]
    modes += [lambda: m.autograd.set_detect_anomaly(True), lambda: m.autograd.set_detect_anomaly(False)]
    for mode in modes:
        x = m.tensor([-1.0], requires_grad=True)
        with mode():
            try:
                m.autograd.grad(m.log(m.sqrt(x)).sum(), x)
                answers.append("done")
            except RuntimeError:
                answers.append("refused")
    return answers


def switched(m: Any) -> Any:
    """What is known of the search for anomalies."""
    answers = []
    for setting in ((False,), (True,), (True, False), (False,)):
        m.set_anomaly_enabled(*setting)
        answers.append((m.is_anomaly_enabled(), m.is_anomaly_enabled() and m.is_anomaly_check_nan_enabled()))
    return answers


def shared(m: Any) -> Any:
    x = m.ones(2)
    return x.share_memory_() is x, x.tolist()


PROGRAMS: list[Callable[[Any], Any]] = [
    in_modes, as_decorators, own_function, checks, backward, saved, typed, printed, clipped, anomalies, switched,
    shared,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_in_both(program: Callable[[Any], Any]) -> None:
    assert program(tw) == program(torch)


def test_default_dtype() -> None:
    ours, theirs = ([d.split(".")[1] for d in default_dtype(m)] for m in (tw, torch))
    assert ours == theirs


def test_checkpoints() -> None:
    import torch.utils.checkpoint

    assert checkpoints(tw) == checkpoints(torch)
