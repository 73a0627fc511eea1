"""Dtypes: promotion, conversion, and what Python's and NumPy's numbers become."""

import copy
import itertools
import operator
import pickle

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DeviceError, DtypeError, ShapeError

BOOL, INTS, FLOATS = ["bool"], ["uint8", "int8", "int16", "int32", "int64"], ["float16", "float32", "float64"]
ALL = BOOL + INTS + FLOATS
KIND = {**dict.fromkeys(BOOL, 0), **dict.fromkeys(INTS, 1), **dict.fromkeys(FLOATS, 2)}

# The rules, written out: the wider of one kind; of two kinds the higher; uint8 beside int8 needs int16.
SAME_KIND = {
    ("uint8", "int8"): "int16",
    ("uint8", "int16"): "int16", ("uint8", "int32"): "int32", ("uint8", "int64"): "int64",
    ("int8", "int16"): "int16", ("int8", "int32"): "int32", ("int8", "int64"): "int64",
    ("int16", "int32"): "int32", ("int16", "int64"): "int64", ("int32", "int64"): "int64",
    ("float16", "float32"): "float32", ("float16", "float64"): "float64", ("float32", "float64"): "float64",
}  # fmt: skip


def common(a, b):
    if a == b:
        return a
    if KIND[a] != KIND[b]:
        return a if KIND[a] > KIND[b] else b
    return SAME_KIND.get((a, b)) or SAME_KIND[b, a]


NUMBERS = {True: "bool", 3: "int64", 2.5: "float32"}


def ranked(name, operand):
    """(rank, dtype name): tensors with axes before 0-d tensors before Python numbers."""
    if isinstance(operand, tw.Tensor):
        return (0 if operand.ndim else 1), name
    return 2, NUMBERS[operand]


def expected(a, b):
    """The result dtype: the first rank's, unless a later rank is of a higher kind."""
    (ra, da), (rb, db) = sorted([a, b])
    if ra == rb:
        return common(da, db)
    return common(da, db) if KIND[db] > KIND[da] else da


def operands():
    for name in ALL:
        dtype = getattr(tw, name)
        yield name, tw.ones(2, dtype=dtype)
        yield name, tw.ones((), dtype=dtype)
    for number in NUMBERS:
        yield None, number


PAIRS = [
    (x, y)
    for x, y in itertools.product(operands(), operands())
    if isinstance(x[1], tw.Tensor) or isinstance(y[1], tw.Tensor)
]


def each_pair():
    for (a, x), (b, y) in PAIRS:
        yield x, y, expected(ranked(a, x), ranked(b, y)), (a, b)


def test_the_rules_themselves():
    assert [common(*p) for p in [("bool", "uint8"), ("int64", "float16"), ("uint8", "int8")]] == [
        "uint8",
        "float16",
        "int16",
    ]
    assert expected((0, "int8"), (1, "int64")) == "int8"
    assert expected((0, "int8"), (1, "float64")) == "float64"
    assert expected((2, "float32"), (0, "int8")) == "float32"
    assert expected((2, "int64"), (1, "bool")) == "int64"


@pytest.mark.parametrize("operation", [operator.add, operator.mul, tw.maximum], ids=["add", "mul", "maximum"])
def test_arithmetic_promotes(operation):
    for x, y, name, what in each_pair():
        if operation is tw.maximum and not (isinstance(x, tw.Tensor) and isinstance(y, tw.Tensor)):
            continue
        assert operation(x, y).dtype.name == name, what


def test_result_type_promotes():
    for x, y, name, what in each_pair():
        assert tw.result_type(x, y).name == name, what


def test_promote_types():
    for a, b in itertools.product(ALL, ALL):
        assert tw.promote_types(getattr(tw, a), getattr(tw, b)).name == common(a, b)


def test_subtraction_promotes_except_booleans():
    for x, y, name, what in each_pair():
        if "bool" in (getattr(getattr(v, "dtype", None), "name", None) for v in (x, y)):
            with pytest.raises(DtypeError, match="~"):
                x - y
        else:
            assert (x - y).dtype.name == name, what


def test_division_is_floating():
    for x, y, name, what in each_pair():
        assert (x / y).dtype.name == (name if KIND[name] == 2 else "float32"), what
    with_default_float64 = tw.get_default_dtype()
    tw.set_default_dtype(tw.float64)
    try:
        assert (tw.tensor([1, 2]) / 2).dtype is tw.float64
        assert (1 / tw.tensor([1, 2])).dtype is tw.float64
    finally:
        tw.set_default_dtype(with_default_float64)


@pytest.mark.parametrize("operation", [operator.lt, operator.eq, operator.ge, operator.ne])
def test_comparisons_are_boolean(operation):
    for x, y, _, what in each_pair():
        assert operation(x, y).dtype is tw.bool, what


def test_powers_promote():
    for x, y, name, what in each_pair():
        if name == "bool":
            with pytest.raises(DtypeError, match="pow"):
                x**y
        else:
            assert (x**y).dtype.name == name, what


def test_where_promotes():
    condition = tw.tensor([True, False])
    for x, y, name, what in each_pair():
        assert tw.where(condition, x, y).dtype.name == name, what


def test_values_survive_promotion():
    assert (tw.tensor([250], dtype=tw.uint8) + tw.tensor([10], dtype=tw.int8)).tolist() == [260]
    assert (tw.tensor([250], dtype=tw.uint8) + 10).tolist() == [4]  # a number does not widen: 260 - 256
    assert (tw.tensor([127], dtype=tw.int8) + tw.tensor(1)).tolist() == [-128]
    assert (tw.tensor([1.0]) + 1e-9).tolist() == [1.0]
    assert (tw.tensor([True, False]) + tw.tensor([True, True])).tolist() == [True, True]
    assert (tw.tensor([True]) * 3).tolist() == [3]
    assert (1 / tw.tensor([2, 4])).tolist() == [0.5, 0.25]
    assert (tw.tensor(7) // tw.tensor(-2)).item() == -4
    assert (tw.tensor(-7) % 3).item() == 2


def test_numpy_operands_keep_their_dtype():
    x = tw.ones(2)
    assert (x + np.ones(2)).dtype is tw.float64
    assert (np.ones(2) + x).dtype is tw.float64
    assert isinstance(np.ones(2) * x, tw.Tensor)
    assert (x + np.float64(1)).dtype is tw.float32
    assert (x * np.int64(2)).dtype is tw.float32
    assert (np.float32(2) * tw.tensor([1, 2])).dtype is tw.float32
    assert (np.array([1, 2]) < x).dtype is tw.bool


def test_operands_that_are_refused():
    x = tw.ones(2)
    for other in ("1", None, [1.0, 2.0], (1,), object(), 1j):
        with pytest.raises(TypeError):
            x + other
        with pytest.raises(TypeError):
            other * x
    with pytest.raises(DtypeError, match=r"bitwise_and: can't compute with float32 and float32"):
        x & x
    with pytest.raises(DtypeError, match=r"bitwise_not.*float32"):
        tw.bitwise_not(x)
    with pytest.raises(DtypeError, match="boolean tensor has no negative"):
        tw.neg(tw.tensor([True]))
    with pytest.raises(DtypeError, match=r"pow: can't compute with int64.*float"):
        tw.tensor([2, 3]) ** tw.tensor([-1, 1])
    with pytest.raises(ZeroDivisionError, match="remainder"):
        tw.tensor([1]) % 0
    with pytest.raises(DtypeError, match=r"matmul.*float32 and thalweg.float64"):
        tw.ones(2, 2) @ tw.ones(2, 2, dtype=tw.float64)
    with pytest.raises(DtypeError, match=r"mean.*int64"):
        tw.tensor([1, 2]).mean()


# -- conversion -------------------------------------------------------------------------------------------


def test_conversion_methods():
    x = tw.tensor([0.0, 1.9, -2.9])
    for method, name in (
        ("double", "float64"),
        ("float", "float32"),
        ("half", "float16"),
        ("long", "int64"),
        ("int", "int32"),
        ("bool", "bool"),
    ):
        assert getattr(x, method)().dtype.name == name
    assert x.long().tolist() == [0, 1, -2]
    assert x.bool().tolist() == [False, True, True]
    assert x.to(tw.int8).tolist() == [0, 1, -2]
    assert x.to(tw.zeros(1, dtype=tw.int16)).dtype is tw.int16
    assert x.to("cpu") is x
    assert x.to("cpu", tw.float64).dtype is tw.float64
    assert x.to(dtype=tw.float16).dtype is tw.float16
    assert x.type(tw.int64).dtype is tw.int64
    assert x.type_as(tw.tensor(1)).dtype is tw.int64
    assert tw.tensor([300, -1]).to(tw.uint8).tolist() == [44, 255]
    assert tw.tensor([1e10]).half().tolist() == [float("inf")]
    with pytest.raises(DeviceError, match="cuda"):
        x.to("cuda")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (1, "int64"), (1.5, "float32"), (True, "bool"), ([], "float32"), ([1, 2], "int64"), ([1, 2.0], "float32"),
        ([True, 2], "int64"), ([True, 0.5], "float32"), ([[True], [False]], "bool"), (np.float64(1), "float64"),
        (np.array([1], np.int16), "int16"), ([np.float16(1)], "float16"), (range(3), "int64"),
        (np.zeros((2, 0)), "float64"),
        ([tw.tensor(1.5, dtype=tw.float64)], "float64"), ([tw.tensor([1, 2]), tw.tensor([3, 4])], "int64"),
    ],
    ids=repr,
)  # fmt: skip
def test_dtype_of_new_tensors(data, name):
    x = tw.tensor(data)
    assert x.dtype.name == name
    assert x.shape == np.shape(
        data if not isinstance(data, list) else [v.tolist() if isinstance(v, tw.Tensor) else v for v in data]
    )


def test_the_default_dtype():
    assert tw.get_default_dtype() is tw.float32
    try:
        tw.set_default_dtype(tw.float64)
        assert tw.tensor(1.5).dtype is tw.float64
        assert tw.zeros(2).dtype is tw.float64
        assert tw.rand(2).dtype is tw.float64
        assert (tw.tensor([1, 2]) * 0.5).dtype is tw.float64
        assert tw.tensor([1, 2]).sqrt().dtype is tw.float64
        assert tw.arange(0, 1, 0.5).dtype is tw.float64
    finally:
        tw.set_default_dtype(tw.float32)
    with pytest.raises(DtypeError, match="int64"):
        tw.set_default_dtype(tw.int64)


def test_numbers_that_do_not_fit_are_refused():
    for value, dtype, message in (
        (300, tw.uint8, "300 does not fit into uint8, which holds integers from 0 to 255"),
        ([1, -129], tw.int8, "-129 does not fit into int8"),
        (2**40, tw.int32, "does not fit into int32"),
        (2**63, None, "does not fit into int64"),
        (float("nan"), tw.int64, "nan does not fit"),
        ([1e30], tw.int64, "does not fit"),
    ):
        with pytest.raises(DtypeError, match=message):
            tw.tensor(value, dtype=dtype)
    assert tw.tensor(1e39).item() == float("inf")
    assert tw.tensor([255, 0], dtype=tw.uint8).tolist() == [255, 0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (1j, "complex"), ([1j], "complex128"), ("text", "can't make numbers"), (["a"], "can't make numbers"),
        ([None], "object"),
        (np.array([1], np.uint16), "uint16"), (np.array([1j]), "complex128"), (np.array(["a"]), "<U1"),
        pytest.param(slice(1), "object", id="object"),
        (np.array([1], "datetime64[s]"), "datetime64"),
    ],
    ids=str,
)  # fmt: skip
def test_data_that_is_no_tensor(data, message):
    with pytest.raises(DtypeError, match=message):
        tw.tensor(data)


def test_ragged_lists_are_refused():
    with pytest.raises(ShapeError, match="unequal lengths"):
        tw.tensor([[1, 2], [3]])


def test_from_numpy_takes_subclasses_and_other_byte_orders():
    class Labelled(np.ndarray):
        """A subclass with a behaviour of its own."""

        def __mul__(self, other):
            raise AssertionError("subclasses must not take part")

    m = np.ones((2, 2)).view(Labelled)
    x = tw.from_numpy(m)
    assert type(x._value) is np.ndarray
    assert (x * x).shape == (2, 2)
    assert np.shares_memory(x.numpy(), m)
    big = np.arange(3, dtype=">f4")
    assert tw.from_numpy(big).dtype is tw.float32
    assert (tw.from_numpy(big) + 1).tolist() == [1, 2, 3]
    assert tw.tensor(big).tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="list"):
        tw.from_numpy([1])


def test_memory_maps_stay_mapped(tmp_path):
    a = np.memmap(tmp_path / "a", np.float32, "w+", shape=(3,))
    x = tw.from_numpy(a)
    x += 1
    assert a.tolist() == [1, 1, 1]
    assert tw.tensor(a).sum().item() == 3


def test_as_tensor_shares_where_it_can():
    a = np.ones(2, np.float32)
    assert np.shares_memory(tw.as_tensor(a).numpy(), a)
    assert not np.shares_memory(tw.as_tensor(a, dtype=tw.float64).numpy(), a)
    x = tw.ones(2)
    assert tw.as_tensor(x) is x
    assert tw.as_tensor([1, 2]).dtype is tw.int64
    assert not np.shares_memory(tw.tensor(a).numpy(), a)


# -- the objects ------------------------------------------------------------------------------------------


def test_dtype_objects():
    assert repr(tw.float32) == "thalweg.float32"
    assert tw.float is tw.float32 and tw.double is tw.float64 and tw.half is tw.float16
    assert tw.int is tw.int32 and tw.long is tw.int64
    assert tw.bool.name == "bool"
    assert tw.float64.itemsize == 8 and tw.float16.is_floating_point and not tw.int8.is_floating_point
    assert tw.int8.is_signed and not tw.uint8.is_signed and not tw.bool.is_signed
    assert not tw.float32.is_complex
    for name in ALL:
        d = getattr(tw, name)
        assert pickle.loads(pickle.dumps(d)) is d
        assert copy.deepcopy(d) is d and copy.copy(d) is d
        assert tw.zeros(1, dtype=d).dtype is d


def test_finfo_and_iinfo():
    f = tw.finfo(tw.float32)
    assert (f.bits, f.eps, f.max, f.min) == (32, 2.0**-23, (2 - 2.0**-23) * 2.0**127, -(2 - 2.0**-23) * 2.0**127)
    assert f.tiny == f.smallest_normal == 2.0**-126
    assert tw.finfo().bits == 32 and tw.finfo(tw.float64).eps == 2.0**-52
    i = tw.iinfo(tw.int16)
    assert (i.bits, i.min, i.max) == (16, -(2**15), 2**15 - 1)
    assert tw.iinfo(tw.uint8).max == 255
    with pytest.raises(DtypeError, match="int8"):
        tw.finfo(tw.int8)
    with pytest.raises(DtypeError, match="float32"):
        tw.iinfo(tw.float32)


def test_python_numbers_from_tensors():
    assert float(tw.tensor(1.5)) == 1.5 and int(tw.tensor(2.9)) == 2 and bool(tw.tensor(0.0)) is False
    assert (
        type(tw.tensor(3).item()) is int
        and type(tw.tensor(3.0).item()) is float
        and type(tw.tensor(True).item()) is bool
    )
    assert tw.tensor([[1, 2]]).tolist() == [[1, 2]]
    assert f"{tw.tensor(3.14159):.2f}" == "3.14"
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        tw.ones(2).item()
    with pytest.raises(ShapeError, match="ambiguous"):
        bool(tw.ones(2))
    with pytest.raises(TypeError, match="index"):
        range(tw.tensor(1.0))
    assert list(range(tw.tensor(2))) == [0, 1]
