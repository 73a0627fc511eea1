"""tw.save and tw.load: every value comes back as it was, or is refused by name."""

import io
import json
import math
import struct
from collections import Counter, OrderedDict

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DeviceError, SerializationError
from thalweg.io import load_file, load_metadata


def round_trip(obj):
    file = io.BytesIO()
    tw.save(obj, file)
    file.seek(0)
    return tw.load(file)


PLAIN = [
    None, True, False, 0, -1, 2**80, 0.1, math.inf, -0.0, "", "grün \x00 \ud800", b"", b"\x00\xff", 1 + 2j,
    [], [1, [2.5, None]], (), (1, "a"), {}, {1: "a", "1": "b", 2.5: None, (1, "x"): True, None: 0, False: 1},
    {1, 2}, frozenset({"a"}), tw.float32, tw.bool, tw.device("cuda:1"), tw.Size([2, 3]), Counter("aab"),
    OrderedDict([("b", 1), ("a", 2)]),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_keep_value_and_type(value):
    for obj in (value, [value], {"key": (value,)}):
        back = round_trip(obj)
        assert back == obj
        assert repr(back) == repr(obj)


def test_nan_stays_nan():
    assert math.isnan(round_trip(math.nan))


DTYPES = [tw.float16, tw.float32, tw.float64, tw.uint8, tw.int8, tw.int16, tw.int32, tw.int64, tw.bool]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), (1,)])
def test_tensors_keep_dtype_shape_and_values(dtype, shape):
    x = (tw.randn(*shape) * 3).to(dtype)
    back = round_trip(x)
    assert back.dtype is dtype and back.shape == x.shape
    np.testing.assert_array_equal(back.numpy(), x.numpy(), strict=True)
    back.fill_(1)  # its memory is its own, and writable


def test_parameters_and_requires_grad_come_back():
    x, p, frozen = tw.ones(2, requires_grad=True), tw.nn.Parameter(tw.ones(1)), tw.nn.Parameter(tw.ones(1), False)
    bx, bp, bf = round_trip([x, p, frozen])
    assert type(bx) is tw.Tensor and bx.requires_grad and bx.is_leaf
    assert type(bp) is tw.nn.Parameter and bp.requires_grad
    assert type(bf) is tw.nn.Parameter and not bf.requires_grad


def test_one_tensor_in_two_places_stays_one():
    x = tw.ones(2)
    back = round_trip({"a": x, "b": [x]})
    assert back["a"] is back["b"][0]


def test_views_of_one_memory_share_it_again():
    base = tw.arange(12).view(3, 4)
    back = round_trip({"base": base, "row": base[1], "transposed": base.t(), "detached": base.detach()})
    back["base"][1, 2] = 100
    assert back["row"].tolist() == [4, 5, 100, 7]
    assert back["transposed"][2, 1].item() == 100
    assert back["detached"][1, 2].item() == 100


def test_a_part_of_a_large_tensor_takes_only_its_own_place():
    file = io.BytesIO()
    tw.save(tw.zeros(1000, 1000)[::500], file)
    assert len(file.getvalue()) < 10_000
    assert round_trip(tw.arange(20).view(4, 5)[:, 2]).tolist() == [2, 7, 12, 17]


def test_an_expanded_tensor_stays_small():
    file = io.BytesIO()
    tw.save(tw.ones(1).expand(10**6), file)
    assert len(file.getvalue()) < 1000
    file.seek(0)
    assert tw.load(file).sum().item() == 10**6


def test_backwards_arrays_come_back():
    x = np.arange(5)[::-1]
    back = round_trip([tw.from_numpy(x), x, tw.from_numpy(x)])
    assert back[0].tolist() == back[1].tolist() == [4, 3, 2, 1, 0]


def test_numpy_arrays_and_numbers_come_back():
    array, number = np.array([[1, 2]], np.uint16), np.float64(2.5)
    back = round_trip({"a": array, "n": number})
    np.testing.assert_array_equal(back["a"], array, strict=True)
    assert type(back["n"]) is np.float64 and back["n"] == 2.5


@pytest.mark.parametrize(
    "make",
    [
        lambda p: tw.optim.SGD(p, lr=0.1, momentum=0.9),
        lambda p: tw.optim.Adam(p, lr=1e-3, amsgrad=True),
        lambda p: tw.optim.RMSprop(p, centered=True),
        lambda p: tw.optim.Adagrad(p),
    ],
)
def test_training_goes_on_where_a_checkpoint_left_it(tmp_path, make):
    def fresh():
        tw.manual_seed(1)
        model = tw.nn.Sequential(tw.nn.Linear(3, 4), tw.nn.Tanh(), tw.nn.Linear(4, 1))
        optimizer = make(model.parameters())
        return model, optimizer, tw.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

    def train(model, optimizer, scheduler, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            model(tw.ones(2, 3)).square().sum().backward()
            optimizer.step()
            scheduler.step()

    model, optimizer, scheduler = fresh()
    train(model, optimizer, scheduler, 3)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    tw.save(state, tmp_path / "checkpoint.pt")
    train(model, optimizer, scheduler, 3)

    other = fresh()
    checkpoint = tw.load(tmp_path / "checkpoint.pt", map_location="cpu", weights_only=True)
    assert list(checkpoint["optimizer"]["state"]) == [0, 1, 2, 3]
    for part, name in zip(other, ("model", "optimizer", "scheduler"), strict=True):
        part.load_state_dict(checkpoint[name])
    train(*other, 3)
    for a, b in zip(model.parameters(), other[0].parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_every_scheduler_state_can_be_saved():
    lr = tw.optim.lr_scheduler
    optimizer = tw.optim.SGD([tw.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
    for scheduler in (
        lr.MultiStepLR(optimizer, [1, 2, 2]), lr.OneCycleLR(optimizer, 1.0, 10), lr.CosineAnnealingLR(optimizer, 5),
        lr.ReduceLROnPlateau(optimizer), lr.LambdaLR(optimizer, lambda n: 1 / (n + 1)),
    ):  # fmt: skip
        state = scheduler.state_dict()
        assert round_trip(state) == state


def test_the_metadata_of_a_state_dict_comes_back():
    state = tw.nn.Linear(1, 1).state_dict()
    back = round_trip(state)
    assert type(back) is OrderedDict and back._metadata == state._metadata


def test_other_programs_read_the_tensors(tmp_path):
    tw.save({"model": {"w": tw.tensor([[1.0, 2.0]])}, "step": 3}, tmp_path / "x")
    loaded = load_file(tmp_path / "x")
    assert list(loaded) == ["model.w"] and loaded["model.w"].tolist() == [[1, 2]]
    assert set(load_metadata(tmp_path / "x")) == {"thalweg"}


def test_names_that_meet_are_kept_apart():
    back = round_trip({"a.b": tw.zeros(1), "a": {"b": tw.ones(1)}})
    assert back["a.b"].item() == 0 and back["a"]["b"].item() == 1


def test_a_plain_safetensors_file_is_read_too(tmp_path):
    from thalweg.io import save_file

    save_file({"w": tw.ones(2)}, tmp_path / "x")
    assert tw.load(tmp_path / "x")["w"].tolist() == [1, 1]


# -- what is refused --------------------------------------------------------------------------------------


class Own:
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Own(), r"the object\['a'\]\[1\] is a Own, which can't be saved"),
        (tw.optim.SGD([tw.zeros(1)]), r"is a SGD, .*save its state_dict\(\)"),
        (len, "code is not saved"),
        (np.array(["text"]), "is a ndarray"),
    ],
)
def test_other_values_are_refused_with_their_place(tmp_path, value, message):
    with pytest.raises(SerializationError, match=message):
        tw.save({"a": [0, value]}, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_structure_that_contains_itself_is_refused():
    loop = []
    loop.append({"again": loop})
    with pytest.raises(SerializationError, match=r"the object\[0\]\['again'\] contains itself"):
        tw.save(loop, io.BytesIO())


def test_deep_nesting_is_refused():
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(SerializationError, match="nested more than 100 deep"):
        tw.save(deep, io.BytesIO())


def saved(root, tensors=(), arrays=None):
    from safetensors.numpy import save

    text = json.dumps({"version": 1, "root": root, "tensors": list(tensors)})
    return io.BytesIO(save(arrays or {"w": np.zeros(4, np.float32)}, metadata={"thalweg": text}))


def record(**changes):
    return {
        "storage": "w",
        "offset": 0,
        "shape": [4],
        "strides": [1],
        "parameter": False,
        "requires_grad": False,
    } | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 1}, {"shape": [5]}, {"shape": [2, 2], "strides": [4, 1]}, {"strides": [-1]}, {"offset": -1},
        {"shape": [2**60, 2**60], "strides": [0, 0]}, {"shape": [1.5]}, {"strides": []}, {"storage": "none"},
        {"offset": 2**70}, {"shape": "a"},
    ],
)  # fmt: skip
def test_a_tensor_beyond_its_storage_is_refused(changes):
    assert tw.load(saved({"tensor": 0}, [record()])).tolist() == [0, 0, 0, 0]
    with pytest.raises(SerializationError):
        tw.load(saved({"tensor": 0}, [record(**changes)]))


@pytest.mark.parametrize(
    "root",
    [{"tensor": 7}, {"tensor": None}, {"os.system": "x"}, {}, {"dict": [1]}, {"dict": [[[], 1]]}, {"bytes": "%"},
     {"dtype": "object"}, {"device": "moon"}, {"Size": 3}],
)  # fmt: skip
def test_a_damaged_structure_is_refused(root):
    with pytest.raises(SerializationError):
        tw.load(saved(root))


def test_a_newer_version_is_named():
    from safetensors.numpy import save

    content = save({}, metadata={"thalweg": json.dumps({"version": 2, "root": 1, "tensors": []})})
    with pytest.raises(SerializationError, match="version 2"):
        tw.load(io.BytesIO(content))


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_a_file_cut_short_is_refused(tmp_path, keep):
    tw.save({"w": tw.zeros(10)}, tmp_path / "x.pt")
    content = (tmp_path / "x.pt").read_bytes()
    (tmp_path / "x.pt").write_bytes(content[:keep])
    with pytest.raises(SerializationError, match=r"x\.pt can't be read"):
        tw.load(tmp_path / "x.pt")


@pytest.mark.parametrize(
    "content", [b"hello", b"\x80\x02}.", struct.pack("<Q", 2**60) + b"{}", b"PK\x03\x04" + b"x" * 90]
)
def test_other_files_are_refused(content):
    with pytest.raises(SerializationError):
        tw.load(io.BytesIO(content))


def test_only_the_cpu_can_be_asked_for(tmp_path):
    tw.save(1, tmp_path / "x")
    assert tw.load(tmp_path / "x", map_location=tw.device("cpu")) == 1
    assert tw.load(tmp_path / "x", map_location=lambda storage, place: storage) == 1
    with pytest.raises(DeviceError, match="cuda"):
        tw.load(tmp_path / "x", map_location="cuda:0")


def test_file_objects_must_be_binary(tmp_path):
    with pytest.raises(TypeError, match="binary mode, not StringIO"):
        tw.save(1, io.StringIO())
    with pytest.raises(TypeError, match="not int"):
        tw.load(3)
    with pytest.raises(FileNotFoundError):
        tw.load(tmp_path / "none")


def test_a_failed_save_leaves_the_old_file(tmp_path):
    tw.save(1, tmp_path / "x")
    with pytest.raises(SerializationError):
        tw.save(Own(), tmp_path / "x")
    assert tw.load(tmp_path / "x") == 1 and len(list(tmp_path.iterdir())) == 1


def test_no_damage_escapes_as_another_error():
    """A flipped bit is refused by name or changes a value; it never runs into anything else."""
    state = {"w": tw.arange(6.0).view(2, 3), "n": [1, 2.5, "text", None], "o": OrderedDict(a=b"x"), "d": tw.float32}
    state["row"] = state["w"][1]
    file = io.BytesIO()
    tw.save(state, file)
    whole, rng = file.getvalue(), np.random.default_rng(0)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(whole)
        damaged[rng.integers(0, len(whole))] ^= 1 << rng.integers(0, 8)
        try:
            tw.load(io.BytesIO(bytes(damaged)))
        except SerializationError:
            refused += 1
    assert refused > 500
