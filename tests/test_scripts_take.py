"""What scripts take for granted: devices, availability, switches, autocast, seeds, old types."""

import copy
import pickle

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import ArgumentError, DeviceError, DtypeError


def test_the_line_that_every_script_has():
    device = tw.device("cuda" if tw.cuda.is_available() else "mps" if tw.backends.mps.is_available() else "cpu")
    model = tw.nn.Linear(2, 1, device=device).to(device)
    x = tw.ones(3, 2, device=device).to(device, non_blocking=True)
    assert model(x).device == device == x.device and x.device.type == "cpu" and str(device) == "cpu"


@pytest.mark.parametrize(
    ("args", "text", "index"),
    [(("cpu",), "cpu", None), (("cuda:1",), "cuda:1", 1), (("cuda", 2), "cuda:2", 2), ((3,), "cuda:3", 3)],
)
def test_devices_can_be_named(args, text, index):
    d = tw.device(*args)
    assert (str(d), d.index, d.type) == (text, index, text.partition(":")[0])
    assert d == tw.device(d) == copy.deepcopy(d) == pickle.loads(pickle.dumps(d)) and hash(d) == hash(tw.device(d))
    assert d != tw.device("meta") and d != text


@pytest.mark.parametrize("name", ["gpu", "cpu:", "cuda:-1", "cuda:01", "", None, 1.5])
def test_unknown_devices_are_refused(name):
    with pytest.raises(DeviceError, match="there is no device"):
        tw.device(name)


def test_a_device_can_not_be_changed():
    with pytest.raises(AttributeError, match="make another"):
        tw.device("cpu").type = "cuda"


def test_other_devices_can_not_be_used():
    x = tw.ones(2)
    for use in (
        lambda: x.cuda(), lambda: x.to("cuda:0"), lambda: x.to(device="mps"), lambda: tw.set_default_device("cuda"),
        lambda: tw.nn.Linear(1, 1).cuda(), lambda: tw.nn.Linear(1, 1).to("cuda"), lambda: tw.cuda.get_device_name(0),
    ):  # fmt: skip
        with pytest.raises(DeviceError, match=r"cuda|mps|device"):
            use()
    with pytest.raises(AssertionError):  # what PyTorch raises there
        x.cuda()
    with pytest.raises(DeviceError), tw.device("cuda"):
        pass
    with tw.device("cpu"):
        assert tw.get_default_device() == tw.device("cpu")


def test_all_forms_of_to():
    x = tw.tensor([1.5, 2.5])
    assert x.to("cpu") is x is x.to(tw.float32) is x.to(x) is x.to("cpu", tw.float32) is x.cpu() is x.to(None, None)
    assert x.to(tw.float32, copy=True) is not x is not x.to("cpu", None, False, True)
    for y in (x.to(tw.int64), x.to("cpu", tw.int64), x.to(tw.tensor(1)), x.to(device="cpu", dtype=tw.int64),
              x.to(tw.int64, True, True), x.to(other=tw.tensor(1)), x.to(int), x.type(tw.LongTensor),
              x.type("torch.LongTensor"), x.to(tw.int64, memory_format=tw.preserve_format)):  # fmt: skip
        assert y.dtype is tw.int64 and y.tolist() == [1, 2]
    with pytest.raises(TypeError, match="dtyp"):
        x.to(dtyp=tw.int64)
    with pytest.raises(DeviceError):
        x.to("float32")
    with pytest.raises(DtypeError, match="bfloat16"):
        x.bfloat16()
    with pytest.raises(ArgumentError, match="for tensors of 4 axes"):
        x.to(memory_format=tw.channels_last)


def test_memory_formats():
    x = tw.arange(24).view(1, 2, 3, 4)
    last = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert x.is_contiguous() and not x.is_contiguous(memory_format=tw.channels_last)
    assert last.is_contiguous(memory_format=tw.channels_last) and not last.is_contiguous()
    assert x.contiguous(memory_format=tw.channels_last).tolist() == x.tolist()
    assert repr(tw.channels_last) == "thalweg.channels_last" and copy.copy(tw.strided) is tw.strided
    assert pickle.loads(pickle.dumps(tw.channels_last)) is tw.channels_last


def test_questions_about_a_tensor():
    x = tw.ones(2)
    assert x.is_cpu and not (x.is_cuda or x.is_mps or x.is_sparse or x.is_quantized or x.is_pinned())
    assert x.layout is tw.strided and x.get_device() == -1 and x.pin_memory() is x
    assert tw.is_tensor(x) and not tw.is_tensor(1) and tw.is_floating_point(x) and not tw.is_complex(x)
    assert tw.is_nonzero(tw.tensor(2)) and not tw.is_nonzero(tw.tensor([0.0]))
    with pytest.raises(RuntimeError, match="ambiguous"):
        tw.is_nonzero(x)


def test_old_types():
    assert tw.FloatTensor([1, 2]).dtype is tw.float32 and tw.LongTensor(2, 3).shape == (2, 3)
    assert tw.ByteTensor([[1]]).dtype is tw.uint8 and tw.FloatTensor().shape == (0,)
    assert tw.DoubleTensor(np.array([1.0])).tolist() == [1]
    x = tw.ones(2)
    assert isinstance(x, tw.FloatTensor) and not isinstance(x, tw.LongTensor) and not isinstance(1, tw.LongTensor)
    assert x.type() == "thalweg.FloatTensor" and tw.FloatTensor(x).data_ptr() == x.data_ptr()
    with pytest.raises(DtypeError, match="expected a tensor of"):
        tw.LongTensor(x)
    try:
        tw.set_default_tensor_type("torch.DoubleTensor")
        assert tw.zeros(1).dtype is tw.float64
        tw.set_default_tensor_type(tw.FloatTensor)
        assert tw.zeros(1).dtype is tw.float32
    finally:
        tw.set_default_dtype(tw.float32)


def test_nothing_is_available_and_nothing_fails_without_need():
    for module in (tw.cuda, tw.mps, tw.xpu):
        assert not module.is_available() and module.device_count() == 0
        assert module.memory_allocated() == 0
        for call in (module.synchronize, module.empty_cache):
            assert call() is None
        module.manual_seed_all(0)
        module.set_device(-1)
        with pytest.raises(DeviceError):
            module.current_device()
    b = tw.backends
    assert not any(
        m.is_available() for m in (b.mps, b.cudnn, b.mkl, b.mkldnn, b.openmp, tw.accelerator, tw.distributed)
    )
    assert tw.version.cuda is None and tw.accelerator.current_accelerator() is None and not b.cuda.is_built()


def test_switches_are_remembered(monkeypatch):
    monkeypatch.setattr(tw.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(tw.backends.cuda.matmul, "allow_tf32", True)
    tw.set_float32_matmul_precision("high")
    assert tw.get_float32_matmul_precision() == "high"
    tw.set_float32_matmul_precision("highest")
    with pytest.raises(ArgumentError, match="medium"):
        tw.set_float32_matmul_precision("low")
    tw.use_deterministic_algorithms(True, warn_only=True)
    assert tw.are_deterministic_algorithms_enabled() and tw.is_deterministic_algorithms_warn_only_enabled()
    tw.use_deterministic_algorithms(False)
    assert not tw.are_deterministic_algorithms_enabled()


def test_autocast_changes_nothing():
    @tw.autocast("cuda", dtype=tw.float16)
    def product(x):
        return x @ x

    assert product(tw.ones(2, 2)).dtype is tw.float32
    with tw.cuda.amp.autocast(), tw.amp.autocast(device_type="cpu", enabled=False):
        assert tw.nn.Linear(2, 2)(tw.ones(1, 2)).dtype is tw.float32
    with pytest.raises(DeviceError):
        tw.autocast("gpu")
    with pytest.raises(TypeError, match="dtype"):
        tw.autocast("cpu", dtype="float16")


def test_a_loop_with_a_scaler_is_the_loop_without():
    results = []
    for scaler in (None, tw.amp.GradScaler("cuda"), tw.cuda.amp.GradScaler(enabled=True)):
        w = tw.tensor([1.0, 2.0], requires_grad=True)
        optimizer = tw.optim.SGD([w], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss = (w * w).sum()
            if scaler is None:
                loss.backward()
                optimizer.step()
            else:
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                scaler.step(optimizer)
                scaler.update()
                assert scaler.get_scale() == 1 and not scaler.is_enabled()
        if scaler is not None:
            scaler.load_state_dict(scaler.state_dict())
        results.append(w.tolist())
    assert results[0] == results[1] == results[2]


def test_fork_rng_leaves_the_generator_as_it_was():
    tw.manual_seed(3)
    expected = tw.rand(4).tolist()
    tw.manual_seed(3)
    with pytest.raises(ZeroDivisionError), tw.random.fork_rng():
        tw.rand(10)
        raise ZeroDivisionError
    assert tw.rand(4).tolist() == expected
    tw.manual_seed(3)
    with tw.random.fork_rng(enabled=False):
        assert tw.rand(4).tolist() == expected
    assert tw.rand(4).tolist() != expected


# -- assert_close -----------------------------------------------------------------------------------------


def test_close_values_pass():
    close = tw.testing.assert_close
    close(tw.tensor([1.0, float("inf")]), tw.tensor([1.000001, float("inf")]))
    close({"a": [1, 2.0, None, tw.ones(2)]}, {"a": (1, 2.0 + 1e-9, None, tw.ones(2))})
    close(tw.tensor(float("nan")), tw.tensor(float("nan")), equal_nan=True)
    close(tw.ones(2), tw.ones(2, dtype=tw.float64), check_dtype=False)
    close(np.ones(2), np.ones(2))
    close(tw.ones(2), tw.nn.Parameter(tw.ones(2)))
    close(tw.tensor([1.0]), tw.tensor([1.5]), rtol=0, atol=0.5)
    close(tw.zeros(0, 2), tw.zeros(0, 2))


@pytest.mark.parametrize(
    ("actual", "expected", "options", "message"),
    [
        (
            tw.tensor([1.0, 2.0, 4.0]),
            tw.tensor([1.0, 2.5, 5.0]),
            {},
            r"2 of 3 elements\n.*absolute.*1.0 at index \(2,\)",
        ),
        (tw.ones(2), tw.ones(3), {}, r"shapes differ: \(2,\) and \(3,\)"),
        (tw.ones(2), tw.ones(2, dtype=tw.float64), {}, "dtypes differ: float32 and float64"),
        (tw.tensor(float("nan")), tw.tensor(float("nan")), {}, "values differ"),
        (tw.tensor([1, 2]), tw.tensor([1, 3]), {}, "1 of 2"),
        ([1, [2]], [1, [3]], {}, r"numbers differ at \[1\]\[0\]: 2 and 3"),
        ({"a": 1}, {"b": 1}, {}, "keys differ"),
        ([1], [1, 2], {}, "lengths differ: 1 and 2"),
        (1, 1.0, {}, "types differ: int and float"),
        (tw.ones(2), 1.0, {}, "can't be compared: Tensor and float"),
        (tw.ones(2), tw.nn.Parameter(tw.ones(2)), {"allow_subclasses": False}, "Tensor and Parameter"),
        (tw.ones(2, 2).t(), tw.ones(2, 2), {"check_stride": True}, "strides differ"),
        (1.0, 2.0, {"msg": "own"}, "^own$"),
        (1.0, 2.0, {"msg": lambda text: f"own: {text}"}, "^own: The numbers differ"),
    ],
)
def test_different_values_fail(actual, expected, options, message):
    with pytest.raises(AssertionError, match=message):
        tw.testing.assert_close(actual, expected, **options)


def test_one_tolerance_alone_is_refused():
    with pytest.raises(ArgumentError, match="both rtol and atol"):
        tw.testing.assert_close(1.0, 1.0, rtol=0.1)


MAKERS = {
    "tensor": ([1.0],), "as_tensor": ([1.0],), "zeros": (2,), "ones": (2,), "empty": (2,), "full": ((2,), 1.0),
    "zeros_like": (tw.ones(2),), "ones_like": (tw.ones(2),), "empty_like": (tw.ones(2),), "rand": (2,), "randn": (2,),
    "full_like": (tw.ones(2), 1.0), "arange": (3,), "linspace": (0, 1, 3), "eye": (2,), "randint": (3, (2,)),
    "randperm": (3,), "rand_like": (tw.ones(2),), "randn_like": (tw.ones(2),), "tril_indices": (2, 2),
    "FloatTensor": ([1.0],),
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_every_function_that_makes_tensors_takes_a_device(name):
    make = getattr(tw, name)
    for device in ("cpu", tw.device("cpu"), None):
        assert make(*MAKERS[name], device=device).device.type == "cpu"
    with pytest.raises(DeviceError, match="cuda"):
        make(*MAKERS[name], device="cuda")


def test_methods_and_layers_that_make_tensors_take_a_device():
    x = tw.ones(2)
    for make in (
        lambda d: x.new_tensor([1.0], device=d), lambda d: x.new_zeros(2, device=d), lambda d: x.new_ones(2, device=d),
        lambda d: x.new_full((2,), 1.0, device=d), lambda d: tw.nn.Linear(1, 1, device=d),
        lambda d: tw.nn.Conv2d(1, 1, 1, device=d), lambda d: tw.nn.LayerNorm(2, device=d), lambda d: tw.Generator(d),
        lambda d: tw.nn.Embedding(2, 2, device=d), lambda d: tw.nn.LSTM(1, 1, device=d),
        lambda d: tw.nn.BatchNorm1d(2, device=d), lambda d: tw.nn.MultiheadAttention(2, 1, device=d),
    ):  # fmt: skip
        make(tw.device("cpu"))
        with pytest.raises(DeviceError, match="cuda"):
            make("cuda")


def test_wrappers_of_older_scripts():
    model = tw.nn.DataParallel(tw.nn.Linear(2, 1))
    x = tw.autograd.Variable(tw.ones(3, 2), requires_grad=True)
    assert model(x).tolist() == model.module(x).tolist() and isinstance(x, tw.autograd.Variable) and x.is_leaf
    assert not tw.autograd.Variable(tw.ones(1)).requires_grad
    with pytest.raises(DeviceError):
        tw.nn.DataParallel(model, device_ids=[0, 1])


def test_several_processes_are_refused():
    assert not tw.distributed.is_initialized()
    for call in (
        tw.distributed.get_rank, tw.distributed.get_world_size, tw.distributed.barrier,
        tw.distributed.destroy_process_group, lambda: tw.distributed.init_process_group("nccl"),
        lambda: tw.nn.parallel.DistributedDataParallel(tw.nn.Linear(1, 1), device_ids=[0]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="process"):
            call()
