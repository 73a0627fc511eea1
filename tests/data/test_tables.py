"""Tables from files, good and bad."""

from __future__ import annotations

import datetime
import gzip
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.datasets import Table, TableDataset, read_table
from thalweg.errors import DataError, DependencyError

NAN = float("nan")


def table(tmp_path: Path, content: str | bytes, name: str = "t.csv", **options: Any) -> Table:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, **options)


def columns(t: Table) -> dict[str, list[Any]]:
    return {name: t.column(name).tolist() for name in t.names}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str, newline: str) -> None:
    text = newline.join(["a,b", "1,x", "2.5,y", ""]).replace(",", delimiter)
    assert columns(table(tmp_path, text)) == {"a": [1.0, 2.5], "b": ["x", "y"]}


def test_the_delimiter_is_not_the_most_frequent_sign(tmp_path: Path) -> None:
    text = 'name;size\n"Li, Bo";1,5\nAda;2,5\n'
    assert columns(table(tmp_path, text, decimal=",")) == {"name": ["Li, Bo", "Ada"], "size": [1.5, 2.5]}


def test_one_column(tmp_path: Path) -> None:
    assert columns(table(tmp_path, "a\n1\n\n2\n")) == {"a": [1.0, 2.0]}


def test_tsv_and_a_given_delimiter(tmp_path: Path) -> None:
    assert columns(table(tmp_path, "a,b\tc\n1\t2\n", "t.tsv")) == {"a,b": [1.0], "c": [2.0]}
    assert columns(table(tmp_path, "a|b\n1|2\n", delimiter="|")) == {"a": [1.0], "b": [2.0]}


def test_quoted_fields(tmp_path: Path) -> None:
    text = 'a,"b, c"\n"say ""hi"",\nplease",1\n" padded ", 2 \n'
    assert columns(table(tmp_path, text)) == {"a": ['say "hi",\nplease', "padded"], "b, c": [1.0, 2.0]}


def test_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n1,2\n")
    assert columns(table(tmp_path, packed, "t.csv.gz")) == {"a": [1.0], "b": [2.0]}
    with pytest.raises(DataError, match=r"t.csv.gz: the gzip file is damaged or cut short"):
        table(tmp_path, packed[:-9], "t.csv.gz")


@pytest.mark.parametrize("marker", ["", "NA", "n/a", "NaN", "null", "None", "?"])
def test_missing_numbers(tmp_path: Path, marker: str) -> None:
    t = table(tmp_path, f"a,b\n1,x\n{marker},y\n")
    np.testing.assert_array_equal(t.column("a"), [1.0, NAN])
    assert t.is_missing("a").tolist() == [False, True]
    assert (t.num_missing("a"), t.num_missing("b")) == (1, 0)


def test_missing_text_is_the_empty_cell_only(tmp_path: Path) -> None:
    t = table(tmp_path, "a,b\nNA,1\n,2\nyes,3\n")
    assert columns(t)["a"] == ["NA", None, "yes"]
    assert t.num_missing("a") == 1


def test_a_column_without_any_value_is_numeric(tmp_path: Path) -> None:
    t = table(tmp_path, "a,b\n,1\nNA,2\n")
    assert t.is_numeric("a")
    assert t.num_missing("a") == 2


@pytest.mark.parametrize(
    ("cell", "value"), [("-1e-3", -0.001), ("+2", 2.0), (".5", 0.5), ("1E400", np.inf), ("-inf", -np.inf), ("0", 0.0)]
)
def test_numbers(tmp_path: Path, cell: str, value: float) -> None:
    assert columns(table(tmp_path, f"a,b\n{cell},1\n")) == {"a": [value], "b": [1.0]}


@pytest.mark.parametrize("cell", ["1_000", "0x10", "1,5", "12%", "1 2", "--1"])
def test_what_is_no_number(tmp_path: Path, cell: str) -> None:
    assert columns(table(tmp_path, f'a;b\n"{cell}";1\n3;2\n'))["a"] == [cell, "3"]


def test_with_a_decimal_comma_a_point_is_no_number(tmp_path: Path) -> None:
    assert columns(table(tmp_path, "a;b\n1.5;1,5\n", decimal=",")) == {"a": ["1.5"], "b": [1.5]}


def test_columns_without_a_name(tmp_path: Path) -> None:
    assert columns(table(tmp_path, ",b,\n0,1,\n1,2,\n")) == {"column 1": [0.0, 1.0], "b": [1.0, 2.0]}


def test_encodings(tmp_path: Path) -> None:
    expected = {"Größe": [1.0], "b": [2.0]}
    text = "Größe,b\n1,2\n"
    assert columns(table(tmp_path, text.encode("utf-8-sig"))) == expected
    assert columns(table(tmp_path, text.encode("utf-16"))) == expected
    assert columns(table(tmp_path, text.encode("cp1252"), encoding="cp1252")) == expected
    with pytest.raises(DataError, match=r"t.csv, line 2: the byte 0xfc is not utf-8 text; pass encoding="):
        table(tmp_path, "a,b\n1,für\n".encode("latin-1"))
    with pytest.raises(DataError, match="no encoding called 'nope'"):
        table(tmp_path, text, encoding="nope")
    with pytest.raises(DataError, match="line 2: it holds a zero byte"):
        table(tmp_path, b"a,b\n\x00,1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("a,b\n", r"it has column names \(a, b\) and no rows"),
        ("a,b,a\n1,2,3\n", "columns 1 and 3 are both called 'a'"),
        ("a,b\n1,2\n3\n", r"line 3: 1 cells where the header has 2"),
        ('a,b\n"x\ny",2\n\n3,4,5\n', r"line 5: 3 cells where the header has 2"),
        ('a,b\n1,"x\n', r"line 2: a quoted field is not well formed"),
        ('a,b\n1,"x"y\n', r"line 2: a quoted field is not well formed"),
    ],
)
def test_bad_text_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"t.csv.*{message}"):
        table(tmp_path, text)


def test_bad_calls_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must end in one of \.csv"):
        table(tmp_path, "a\n1\n", "t.xlsx")
    with pytest.raises(DataError, match="not in 'nothing'"):
        table(tmp_path, "a\n1\n", "t")
    with pytest.raises(DataError, match="delimiter must be one character"):
        table(tmp_path, "a\n1\n", delimiter="||")
    with pytest.raises(DataError, match=r"decimal must be '.' or ','"):
        table(tmp_path, "a\n1\n", decimal=";")
    with pytest.raises(FileNotFoundError, match=r"missing\.csv"):
        read_table(tmp_path / "missing.csv")


def test_the_table_itself() -> None:
    t = Table({"x": np.array([1.0, NAN]), "kind": np.array(["a", None], object)}, "plants")
    assert (t.names, t.num_rows, len(t)) == (["x", "kind"], 2, 2)
    assert (t.is_numeric("x"), t.is_numeric("kind")) == (True, False)
    assert repr(t) == "Table(2 rows: x number (1 missing), kind text (1 missing))"
    with pytest.raises(
        DataError, match=r"plants: there is no column 'kinds'; did you mean 'kind'\? The columns are: x, kind"
    ):
        t.column("kinds")
    with pytest.raises(DataError, match=r"no column 'size'\. The columns are: x, kind"):
        t.is_numeric("size")
    with pytest.raises(DataError, match="it has no columns"):
        Table({})
    with pytest.raises(DataError, match="'b' has 1 rows where the first column has 2"):
        Table({"a": np.zeros(2), "b": np.zeros(1)})
    with pytest.raises(DataError, match=r"'a' must be .* not int64 of shape \(2,\)"):
        Table({"a": np.zeros(2, np.int64)})


# -- npz ----------------------------------------------------------------------------------------------------


def npz(tmp_path: Path, **arrays: Any) -> Table:
    np.savez(tmp_path / "t.npz", **arrays)
    return read_table(tmp_path / "t.npz")


def test_npz(tmp_path: Path) -> None:
    days = np.array(["2020-01-31", "NaT"], "M8[D]")
    t = npz(tmp_path, x=np.eye(2, dtype=np.float32), y=np.array([3, 4]), b=np.array([True, False]), s=["u", ""], d=days)
    assert columns(t) == {
        "x.0": [1.0, 0.0],
        "x.1": [0.0, 1.0],
        "y": [3.0, 4.0],
        "b": [1.0, 0.0],
        "s": ["u", None],
        "d": ["2020-01-31", None],
    }


def test_bad_npz_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'x' can't be read .*allow_pickle"):
        npz(tmp_path, x=np.array([{}], object))
    with pytest.raises(DataError, match=r"'x' has shape \(1, 1, 1\)"):
        npz(tmp_path, x=np.zeros((1, 1, 1)))
    with pytest.raises(DataError, match="'x' is of type complex128"):
        npz(tmp_path, x=np.zeros(2, complex))
    with pytest.raises(DataError, match=r"two columns are called 'x.0'"):
        npz(tmp_path, x=np.zeros((2, 1)), **{"x.0": np.zeros(2)})
    with pytest.raises(DataError, match="'y' has 3 rows"):
        npz(tmp_path, x=np.zeros(2), y=np.zeros(3))
    with pytest.raises(DataError, match="and no rows"):
        npz(tmp_path, x=np.zeros(0))
    with pytest.raises(DataError, match="it has no columns"):
        npz(tmp_path)


def test_what_is_no_npz_is_named(tmp_path: Path) -> None:
    whole = (tmp_path / "whole.npz").resolve()
    np.savez(whole, x=np.arange(100))
    raw = whole.read_bytes()
    for content in (b"", b"some text", raw[:-50], raw[:40]):
        with pytest.raises(DataError, match=r"t.npz: this is not"):
            table(tmp_path, content, "t.npz")
    damaged = bytearray(raw)
    damaged[300] ^= 255
    with pytest.raises(DataError, match="'x' can't be read"):
        table(tmp_path, bytes(damaged), "t.npz")
    np.save(tmp_path / "one.npy", np.zeros(2))
    with pytest.raises(DataError, match=r"this is a .npy file"):
        table(tmp_path, (tmp_path / "one.npy").read_bytes(), "t.npz")


# -- Parquet ------------------------------------------------------------------------------------------------


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    data = {
        "i": [1, None],
        "f": [1.5, 2.0],
        "b": [True, None],
        "m": pa.array([Decimal("1.25"), None]),
        "s": ["a", None],
        "c": pa.array(["u", "v"]).dictionary_encode(),
        "d": [datetime.date(2020, 1, 31), None],
        "n": pa.nulls(2),
    }
    pq.write_table(pa.table(data), tmp_path / "t.parquet")
    t = read_table(tmp_path / "t.parquet")
    for name, numbers in {"i": [1, NAN], "f": [1.5, 2], "b": [1, NAN], "m": [1.25, NAN], "n": [NAN, NAN]}.items():
        np.testing.assert_array_equal(t.column(name), numbers)
    assert {name: columns(t)[name] for name in "scd"} == {
        "s": ["a", None],
        "c": ["u", "v"],
        "d": ["2020-01-31", None],
    }


def test_bad_parquet_is_named(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        table(tmp_path, b"some text", "t.parquet")
    with pytest.raises(FileNotFoundError, match=r"none.parquet"):
        read_table(tmp_path / "none.parquet")
    pq.write_table(pa.table({"l": [[1], [2]]}), tmp_path / "l.parquet")
    with pytest.raises(DataError, match="'l' is of type list<"):
        read_table(tmp_path / "l.parquet")
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], ["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="two columns are called 'a'"):
        read_table(tmp_path / "a.parquet")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"needs pyarrow; install it with pip install 'thalweg\[parquet\]'"):
        table(tmp_path, b"", "t.parquet")


# -- as a data set ------------------------------------------------------------------------------------------


def test_table_dataset_classes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,kind,b\n1,moss,4\n2,fern,5\n3,moss,6\n")
    data = TableDataset(tmp_path / "t.csv", "kind")
    assert data.x.tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    assert data.y is not None
    assert data.y.tolist() == [1, 0, 1]
    assert (data.classes, data.features, data.target) == (["fern", "moss"], ["a", "b"], "kind")
    assert data[1][1].item() == 0


def test_table_dataset_numbers(tmp_path: Path) -> None:
    t = table(tmp_path, "a,b,c\n1,4,2\n2,5,1\n")
    data = TableDataset(t, "c", features=["b"])
    assert (data.x.tolist(), data.classes) == ([[4.0], [5.0]], None)
    assert data.y is not None
    assert data.y.tolist() == [[2.0], [1.0]]
    classes = TableDataset(t, "c", classify=True)
    assert classes.y is not None
    assert (classes.y.tolist(), classes.classes) == ([1, 0], [1.0, 2.0])
    alone = TableDataset(t)
    assert alone.y is None
    assert alone.x.shape == (2, 3)
    assert len(alone[0]) == 1


def test_table_dataset_refuses_by_name(tmp_path: Path) -> None:
    t = table(tmp_path, "a,kind,b\n1,x,4\n2,y,\n")
    with pytest.raises(DataError, match="the feature 'kind' is text"):
        TableDataset(t, "a")
    with pytest.raises(DataError, match="column 'b' has 1 missing values, the first in row 2"):
        TableDataset(t, "kind")
    with pytest.raises(DataError, match="there is no column 'z'"):
        TableDataset(t, "z", features=["a"])
    with pytest.raises(DataError, match="must be other columns than the target 'a'"):
        TableDataset(t, "a", features=["a"])
