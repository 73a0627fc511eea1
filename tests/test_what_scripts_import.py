"""Modules and names that programs written for PyTorch import at their top."""

import copy
import importlib
import math
import pickle

import pytest

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import multiprocessing
from thalweg.errors import ArgumentError, AutogradError, DtypeError, MissingNameError, ShapeError, WorkerError
from thalweg.nn.attention import SDPBackend, sdpa_kernel
from thalweg.utils.data import DataLoader, RandomSampler


def test_bfloat16_has_a_name_and_no_tensors():
    chosen = {"float32": tw.float32, "bfloat16": tw.bfloat16}["bfloat16"]
    assert chosen is tw.bfloat16 != tw.float16 and repr(chosen) == "thalweg.bfloat16" and chosen.is_floating_point
    assert copy.deepcopy(chosen) is chosen is pickle.loads(pickle.dumps(chosen))
    with tw.autocast("cpu", dtype=chosen):
        assert tw.ones(2).dtype is tw.float32 != chosen
    for use in (
        lambda: tw.zeros(2, dtype=chosen), lambda: tw.zeros(2).to(chosen), lambda: tw.nn.Linear(1, 1).to(chosen),
        lambda: tw.zeros(2).bfloat16(), lambda: tw.finfo(chosen), lambda: tw.promote_types(chosen, tw.float32),
    ):  # fmt: skip
        with pytest.raises(DtypeError, match=r"NumPy has no bfloat16, .* use float32"):
            use()


@pytest.mark.parametrize("name", ["onnx", "fft", "profiler", "distributed.rpc", "utils.model_zoo"])
def test_absent_modules_can_be_imported_and_say_so_when_used(name):
    module = importlib.import_module(f"thalweg.{name}")
    with pytest.raises(MissingNameError, match=rf"PyTorch has torch\.{name}\.thing, thalweg does not"):
        module.thing  # noqa: B018
    assert not hasattr(module, "__wrapped__") and not hasattr(module, "thing")


def test_old_paths():
    paths = {
        "utils.data.dataloader": "DataLoader", "nn.modules.activation": "MultiheadAttention", "nn.modules.linear":
        "NonDynamicallyQuantizableLinear", "autograd.anomaly_mode": "detect_anomaly", "serialization": "safe_globals",
    }  # fmt: skip
    for path, name in paths.items():
        assert hasattr(importlib.import_module(f"thalweg.{path}"), name)
    assert isinstance(tw.nn.MultiheadAttention(2, 1).out_proj, tw.nn.modules.linear.NonDynamicallyQuantizableLinear)


def test_marks_for_another_compiler_change_nothing():
    @tw.jit.script
    def double(x):
        return 2 * x

    class Model(tw.nn.Module):
        @tw.jit.ignore
        def one(self):
            return 1

        @tw.jit.ignore(drop=True)
        def two(self):
            return 2

        @tw.jit.export
        @tw.jit.unused
        def three(self):
            return 3

    model = tw.jit.script(Model())
    assert double(4) == 8 and (model.one(), model.two(), model.three()) == (1, 2, 3)
    assert not tw.jit.is_scripting() and not tw.jit.is_tracing()
    with pytest.raises(MissingNameError, match=r"torch.jit.trace, thalweg does not: use tw.compile"):
        tw.jit.trace  # noqa: B018


def test_detect_anomaly_names_the_first_operation():
    def backward():
        x = tw.tensor([-1.0, 4.0], requires_grad=True)
        x.sqrt().sum().backward()
        return x.grad

    assert math.isnan(backward()[0].item())
    with tw.autograd.detect_anomaly(), pytest.raises(AutogradError, match="sqrt gives nan at index"):
        backward()
    with tw.autograd.set_detect_anomaly(True):
        x = tw.tensor(4.0, requires_grad=True)
        x.sqrt().backward()
        assert x.grad.item() == 0.25
    tw.autograd.set_detect_anomaly(True)
    with pytest.raises(AutogradError, match="nan"):
        backward()
    tw.autograd.set_detect_anomaly(False)
    assert math.isnan(backward()[0].item())


def test_the_old_name_of_clipping():
    w = tw.nn.Parameter(tw.zeros(2))
    w.grad = tw.tensor([3.0, 4.0])
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        assert tw.nn.utils.clip_grad_norm([w], 1.0).item() == 5
    assert w.grad.norm().item() == pytest.approx(1)


def test_attention_backends_can_be_asked_for():
    x = tw.randn(1, 2, 3, 4)
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
        inside = F.scaled_dot_product_attention(x, x, x)
    assert tw.equal(inside, F.scaled_dot_product_attention(x, x, x))
    with pytest.raises(TypeError, match="SDPBackend"), sdpa_kernel("math"):
        pass


@pytest.mark.parametrize(
    ("function", "shape", "lead"),
    [(F.dropout2d, (50, 40), 2), (F.dropout2d, (9, 8, 2, 2, 2), 2), (F.dropout3d, (60, 4), 1)],
)
def test_channel_dropout_takes_other_dimensions_with_a_warning(function, shape, lead):
    with pytest.warns(UserWarning, match="use dropout where single elements are meant"):
        y = function(tw.ones(shape), 0.5, True)
    flat = y.reshape(*shape[:lead], -1)
    assert set(y.reshape(-1).tolist()) == {0.0, 2.0} and (flat == flat[..., :1]).all()
    with pytest.raises(ShapeError, match="at least 2"):
        F.dropout2d(tw.ones(3))


@pytest.mark.parametrize("replacement", [True, False])
def test_an_epoch_without_end_is_drawn_as_it_goes_on(replacement):
    data = tw.arange(5)
    sampler = RandomSampler(data, replacement=replacement, num_samples=10**10)
    assert len(sampler) == 10**10
    batches = iter(DataLoader(data, batch_size=3, sampler=sampler))
    seen = tw.cat([next(batches) for _ in range(50)])
    assert len(seen) == 150 and set(seen.tolist()) == set(range(5))
    if not replacement:
        assert all(sorted(seen[i : i + 5].tolist()) == list(range(5)) for i in range(0, 150, 5))


def raise_at_one(index, text):
    if index == 1:
        raise ValueError(text)


def write_index(index, folder):
    (folder / str(index)).write_text(str(tw.full((2,), index).sum().item()))


def test_spawn(tmp_path):
    assert multiprocessing.spawn(write_index, (tmp_path,), nprocs=2, start_method="fork") is None
    assert [(tmp_path / str(i)).read_text() for i in range(2)] == ["0", "2"]
    with pytest.raises(WorkerError, match=r"process 1 failed:\n(.|\n)*ValueError: broken"):
        multiprocessing.start_processes(raise_at_one, ("broken",), nprocs=2, start_method="fork")
    started = multiprocessing.spawn(raise_at_one, ("no",), join=False, start_method="fork")
    while not started.join():
        pass
    assert len(started.pids()) == 1
    multiprocessing.set_sharing_strategy(multiprocessing.get_sharing_strategy())
    with pytest.raises(ArgumentError, match="sharing_strategy"):
        multiprocessing.set_sharing_strategy("none")
