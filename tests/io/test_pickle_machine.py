"""The reader of PyTorch's pickles, without PyTorch: what it builds, and hostile pickles that it refuses."""

import io
import pickle
import struct
import time
import zipfile
from collections import Counter, OrderedDict

import pytest

import thalweg as tw
from thalweg.errors import SerializationError
from thalweg.io import load_torch, save_torch


def archive(data, **records):
    """A checkpoint with this pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("archive/data.pkl", data)
        for name, content in records.items():
            out.writestr(f"archive/data/{name}", content)
    file.seek(0)
    return file


PLAIN = [
    None, True, [1, -5, 300, 2**40, 2**70], (1.5, "text", b"\x00\xff"), {"a": {"b": [()]}}, {1, 2}, frozenset("a"),
    OrderedDict(b=1), Counter("aab"), bytearray(b"ab"), 1 + 2j, slice(1, 2), "x" * 300, {"k": (1, 2, 3, 4)},
]  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", PLAIN, ids=lambda v: repr(v)[:30])
def test_plain_values_of_every_protocol(value, protocol):
    if protocol < 2 and isinstance(value, (slice, frozenset)):
        pytest.skip("written by copyreg there, which is refused")
    assert load_torch(archive(pickle.dumps(value, protocol))) == value


def test_one_list_in_two_places_stays_one():
    shared = [1]
    back = load_torch(archive(pickle.dumps([shared, shared], 2)))
    assert back[0] is back[1]


def test_a_list_that_contains_itself_can_be_read():
    loop = []
    loop.append(loop)
    back = load_torch(archive(pickle.dumps(loop, 2)))
    assert back[0] is back


def glob(module, name, args=b")"):
    return f"c{module}\n{name}\n".encode() + args + b"R."


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (glob("os", "system", b"(S'true'\ntR"), r"os\.system"),
        (glob("builtins", "eval", b"(S'1'\ntR"), r"builtins\.eval"),
        (glob("builtins", "getattr"), r"builtins\.getattr"),
        (b"(ios\nsystem\n.", "INST"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", r"os\.system"),
        (b"cthalweg.io\nload\n.", r"thalweg\.io\.load"),
        (b"P1\n.", "PERSID"),
        (b"\x82\x01.", "EXT1"),
        (b"(cos\nsystem\no.", r"os\.system"),
    ],
)
def test_what_is_not_known_is_refused_by_name(code, named):
    with pytest.raises(SerializationError, match=named):
        load_torch(archive(code))


@pytest.mark.parametrize(
    "code",
    [
        b"", b".",
        b"K\x01", b"(.", b"t.", b"0.", b"R.", b"h\x05.", b"N)R.", b"]K\x01s.", b"}K\x01a.", b"]]s.", b"}]K\x01s.",
        b"\x80\x09N.", b"X\xff\xff\xff\xffa.", b"G1.", b"\x85.", b"u.", b"b.", b"NNb.", b"]}b.", b"Q.", b"NQ.",
        b"(K\x01l" + b"K\x02u.", b"S'unended\n.", b"I12x\n.", b"\x8a\x05ab.",
        glob("torch", "Size", b"(S'a'\nt"), glob("builtins", "set", b"(K\x05t"), glob("builtins", "set", b"((]ttt"),
        glob("collections", "Counter", b"(K\x05t"), glob("collections", "OrderedDict", b"(K\x05t"),
        glob("torch", "device", b"(S'moon'\nt"), glob("numpy", "dtype", b"(S'O'\nt"),
        glob("torch._utils", "_rebuild_tensor_v2", b"(NNNNt"), glob("torch._utils", "_rebuild_parameter", b"(Nt"),
        glob("_codecs", "encode", b"(S'a'\nS'zip'\nt"), glob("numpy", "ndarray", b"(K\x05t"),
        glob("torch", "Tensor", b"(K\x05t"),
        glob("torch.nn.parameter", "Parameter", b"(K\x05t"), glob("torch", "FloatStorage"),
    ],
)  # fmt: skip
def test_damaged_pickles_are_refused(code):
    with pytest.raises(SerializationError):
        load_torch(archive(code))


def test_a_number_does_not_become_memory():
    code = b"cbuiltins\nbytearray\n(\x8a\x06" + (2**40).to_bytes(6, "little") + b"tR."
    start = time.perf_counter()
    with pytest.raises(SerializationError):
        load_torch(archive(code))
    assert time.perf_counter() - start < 5


def test_keys_that_nest_deeply_are_refused_and_do_not_overflow_the_stack():
    deep = b"}" + b")" + b"\x85" * 200_000 + b"K\x01s."
    with pytest.raises(SerializationError, match="can't be a key"):
        load_torch(archive(deep))
    with pytest.raises(SerializationError, match="can't be a key"):
        load_torch(archive(b"cbuiltins\nset\n(])" + b"\x85" * 200_000 + b"atR."))


def storage(key="0", count=4, kind="FloatStorage"):
    """The opcodes of a storage's persistent id."""
    return (
        b"(X\x07\x00\x00\x00storage" + f"ctorch\n{kind}\n".encode() + b"X" + struct.pack("<I", len(key)) + key.encode()
        + b"X\x03\x00\x00\x00cpu" + b"J" + struct.pack("<i", count) + b"tQ"
    )  # fmt: skip


def tensor(shape, strides, offset=0, **options):
    numbers = lambda ns: b"(" + b"".join(b"\x8a\x09" + n.to_bytes(9, "little", signed=True) for n in ns) + b"t"  # noqa: E731
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(**options) + b"J" + struct.pack("<i", offset) + numbers(shape)
        + numbers(strides) + b"\x89N" + b"tR."
    )  # fmt: skip


FOUR = struct.pack("<4f", 1, 2, 3, 4)


def test_tensors_are_views_of_their_storage():
    assert load_torch(archive(tensor([2, 2], [2, 1]), **{"0": FOUR})).tolist() == [[1, 2], [3, 4]]
    assert load_torch(archive(tensor([2], [1], 2), **{"0": FOUR})).tolist() == [3, 4]
    assert load_torch(archive(tensor([3, 2], [0, 1]), **{"0": FOUR})).tolist() == [[1, 2]] * 3
    assert load_torch(archive(tensor([0], [1]), **{"0": FOUR})).shape == (0,)


@pytest.mark.parametrize(
    "code",
    [
        tensor([5], [1]), tensor([2, 2], [3, 1]), tensor([2], [1], 3), tensor([4], [1], -1), tensor([2], [-1], 3),
        tensor([2**50], [0]), tensor([2**40, 2**40], [0, 0]), tensor([4], [1, 1]), tensor([4], [1], count=5),
        tensor([4], [1], count=-1), tensor([4], [1], key="1"), tensor([4], [1], key="../0"),
        tensor([4], [1], kind="DoubleStorage"),
    ],
)  # fmt: skip
def test_tensors_beyond_their_storage_are_refused(code):
    with pytest.raises(SerializationError):
        load_torch(archive(code, **{"0": FOUR}))


def test_what_is_written_is_read():
    state = {"a": [tw.ones(2), 2**40, 0.5, None, True, "x", b"y", (1,), {2}], "m": tw.nn.Linear(2, 1).state_dict()}
    file = io.BytesIO()
    save_torch(state, file)
    file.seek(0)
    back = load_torch(file)
    assert repr(back) == repr(state)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (len, "code is not saved"),
        (tw.nn.Linear(1, 1), r"the object\['x'\] is a Linear, .*state_dict"),
        (tw.ones(1).numpy(), "from_numpy"),
        (2**3000, "more than 2000 bits"),
    ],
)
def test_what_can_not_be_written_is_named(value, message, tmp_path):
    with pytest.raises(SerializationError, match=message):
        save_torch({"x": value}, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
