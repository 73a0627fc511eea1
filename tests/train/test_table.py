"""Preparing a table: what each kind of column becomes, what is filled, left out or refused."""

import json
import math

import numpy as np
import pytest

from thalweg.datasets import Table
from thalweg.errors import DataError
from thalweg.ops.random import Generator
from thalweg.train.split import split_rows
from thalweg.train.table import NumberFeature, Preprocessor, TextFeature, as_text, open_table, require_finite

nan = math.nan


def table(**columns):
    return Table(
        {
            name: np.array(cells, object if any(isinstance(c, str) for c in cells) else np.float64)
            for name, cells in columns.items()
        },
        source="t.csv",
    )


def fit(source, rows=None):
    return Preprocessor.fit(source, source.names, np.arange(len(source)) if rows is None else np.array(rows))


def test_numbers_are_standardised_by_the_training_rows_only():
    preprocessor, notes = fit(table(x=[1.0, 3.0, 100.0]), rows=[0, 1])
    assert preprocessor.features == (NumberFeature("x", mean=2.0, scale=1.0, fill=2.0),)
    x, _ = preprocessor.transform(table(x=[1.0, 3.0, 100.0]))
    assert x.dtype == np.float32
    assert x.tolist() == [[-1], [1], [98]]
    assert notes == []


def test_missing_numbers_are_filled_with_the_training_median():
    source = table(x=[0.0, 1.0, 8.0, nan, 1000.0])
    preprocessor, _ = fit(source, rows=[0, 1, 2, 3])
    x, notes = preprocessor.transform(source)
    scale = np.std([0, 1, 8])
    np.testing.assert_allclose(x[:, 0], (np.array([0, 1, 8, 1, 1000]) - 3) / scale, rtol=1e-6)
    assert notes == ["column 'x': 1 of 5 values missing, filled with the training median 1"]


def test_texts_become_one_input_for_each_category():
    source = table(kind=["b", "a", None, "b"])
    preprocessor, _ = fit(source)
    assert preprocessor.features == (TextFeature("kind", ("a", "b", "missing")),)
    x, notes = preprocessor.transform(source)
    assert x.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert notes == ["column 'kind': 1 of 4 values missing, taken as a category of their own"]


def test_an_unknown_text_is_all_zeros_and_noted():
    preprocessor, _ = fit(table(kind=["a", "b", "a"]))
    x, notes = preprocessor.transform(table(kind=["c", "b", "d", None]))
    assert x.tolist() == [[0, 0], [0, 1], [0, 0], [0, 0]]
    assert notes == [
        "column 'kind': 3 of 4 values not met in training ('c', 'd', 'missing'), taken as none of its categories"
    ]


def test_categories_that_look_like_numbers_are_matched_when_the_file_holds_numbers_only():
    preprocessor, _ = fit(table(code=["1", "2", "x"]))
    x, _ = preprocessor.transform(table(code=[2.0, 1.0, nan]))
    assert x.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([5.0] * 12, "it is 5 in every training row"),
        ([nan] * 12, "it is empty in the training rows"),
        (["a"] * 12, "it is 'a' in every training row"),
        ([f"id{i}" for i in range(12)], "12 different texts in 12 rows look like an identifier"),
    ],
)
def test_columns_that_say_nothing_are_left_out_with_a_reason(cells, reason):
    preprocessor, notes = fit(table(x=np.arange(12.0), odd=cells))
    assert [feature.name for feature in preprocessor.features] == ["x"]
    assert notes == [f"column 'odd' left out: {reason}"]


def test_too_many_categories_are_left_out():
    cells = [f"c{i % 201}" for i in range(1000)]
    _, notes = fit(table(x=np.arange(1000.0), many=cells))
    assert notes == ["column 'many' left out: 201 different texts are more than 200"]
    preprocessor, notes = fit(table(many=cells[:200] * 5))
    assert preprocessor.width == 200
    assert notes == []


def test_no_column_left_is_an_error_that_says_why():
    with pytest.raises(DataError, match=r"t\.csv: no column is left to learn from; column 'x' left out: it is 1 in"):
        fit(table(x=[1.0, 1.0]))


def test_an_infinite_number_is_refused_by_column_and_row():
    with pytest.raises(DataError, match=r"t\.csv: column 'x' holds an infinite number in data row 3"):
        require_finite(table(x=[1.0, nan, -math.inf, math.inf]), "x")
    preprocessor, _ = fit(table(x=[1.0, 2.0]))
    with pytest.raises(DataError, match="'x' holds an infinite number in data row 1"):
        preprocessor.transform(table(x=[math.inf]))


def test_a_missing_column_is_named_with_a_similar_one():
    preprocessor, _ = fit(table(height=[1.0, 2.0]))
    with pytest.raises(DataError, match="no column 'height'; did you mean 'heigth'"):
        preprocessor.transform(table(heigth=[1.0]))


def test_text_where_numbers_were_is_refused_by_column_and_row():
    preprocessor, _ = fit(table(x=[1.0, 2.0]))
    with pytest.raises(DataError, match=r"column 'x' must hold numbers, as in training, but data row 2 has 'tall'"):
        preprocessor.transform(table(x=["1", "tall"]))


def test_numbers_whose_squares_overflow_are_refused():
    with pytest.raises(DataError, match=r"numbers in column 'x' \(up to 1e\+200\) are too large"):
        fit(table(x=[0.0, 1e200, -1e200]))


def test_a_number_absurdly_far_from_training_is_refused():
    preprocessor, _ = fit(table(x=[1.0, 2.0]))
    with pytest.raises(DataError, match=r"'x' holds 1e\+300 in data row 2, more than 1e\+09 standard deviations"):
        preprocessor.transform(table(x=[1.0, 1e300]))


def test_what_was_learned_survives_json():
    source = table(x=[0.1, 0.2, nan], kind=["ä", None, '"b"'])
    preprocessor, _ = fit(source)
    again = Preprocessor.from_dict(json.loads(json.dumps(preprocessor.to_dict())))
    assert again == preprocessor
    np.testing.assert_array_equal(again.transform(source)[0], preprocessor.transform(source)[0])


def test_numbers_as_texts():
    assert as_text(table(x=[1.0, -2.0, 0.5, 1e20, nan]), "x") == ["1", "-2", "0.5", "100000000000000000000", "missing"]


def test_no_such_file_suggests_a_similar_name(tmp_path):
    (tmp_path / "houses.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"there is no file .*house\.csv; did you mean houses\.csv\?"):
        open_table(tmp_path / "house.csv")


# -- splitting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [[10], [15, 15], [30, 5], [1, 1, 1]])
def test_parts_have_their_sizes_and_share_no_row(counts):
    labels = np.random.default_rng(0).integers(0, 3, 100)
    parts = split_rows(labels, counts, Generator().manual_seed(3))
    assert [len(part) for part in parts] == [100 - sum(counts), *counts]
    assert sorted(np.concatenate(parts).tolist()) == list(range(100))


def test_every_part_has_the_labels_in_proportion():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    for part in split_rows(labels, [150, 150], Generator().manual_seed(1)):
        share = np.bincount(labels[part]) / len(part)
        np.testing.assert_allclose(share, [0.6, 0.3, 0.1], atol=0.01)


def test_one_row_of_each_label_stays_for_training():
    labels = np.repeat(np.arange(10), 3)
    train, *_ = split_rows(labels, [10, 10], Generator().manual_seed(0))
    assert set(labels[train]) == set(range(10))


def test_the_split_repeats_with_the_seed_and_changes_with_it():
    labels = np.zeros(50, int)
    first, again, other = (split_rows(labels, [10], Generator().manual_seed(seed))[1].tolist() for seed in (4, 4, 5))
    assert first == again != other


def test_too_few_rows_for_the_classes():
    with pytest.raises(DataError, match="10 rows in 9 classes are too few: 4 are held out"):
        split_rows(np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), [2, 2], Generator())
