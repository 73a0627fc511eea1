"""Targets: their scores and reports by hand, and what the outputs are read as."""

import json
import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.datasets import Table
from thalweg.errors import DataError
from thalweg.train.targets import ClassTarget, NumberTarget, number_target, target_from_dict, target_of

colours = ClassTarget("colour", ("blue", "red"))
price = NumberTarget("price", mean=10.0, scale=2.0)


def test_accuracy_beside_the_majority_of_training():
    outputs = np.array([[2.0, 1.0], [0.0, 1.0], [3.0, -1.0], [0.0, 5.0]])
    report = colours.report(outputs, np.array([0, 1, 1, 1]), train_y=np.array([0, 0, 1]))
    assert report == {
        "accuracy": 0.75,
        "rows": 4,
        "right": 3,
        "majority_class": "blue",
        "majority_accuracy": 0.25,
    }
    assert colours.describe_report(report) == "accuracy 75.0 % (3 of 4); always saying 'blue' gets 25.0 %"


def test_probabilities_are_the_softmax_even_of_large_logits():
    columns = colours.decode(np.array([[math.log(3), 0.0], [1000.0, 0.0], [-2e30, 1e30]], np.float32))
    assert columns == {
        "prediction": ["blue", "blue", "red"],
        "probability of blue": ["0.75", "1", "0"],
        "probability of red": ["0.25", "0", "1"],
    }


def test_the_loss_of_classes_is_cross_entropy():
    loss = colours.loss(tw.tensor([[math.log(3), 0.0]]), tw.tensor([0]))
    assert loss.item() == pytest.approx(-math.log(0.75))


def test_rmse_and_r2_in_the_units_of_the_table():
    """True 8, 10, 12, 14; predicted 8, 10, 12, 12: the squared error is 4 in all, that about the mean 20."""
    y = ((np.array([8, 10, 12, 14]) - 10) / 2)[:, None]
    outputs = ((np.array([8, 10, 12, 12]) - 10) / 2)[:, None]
    report = price.report(outputs, y, y)
    assert report["rmse"] == pytest.approx(1.0)
    assert report["r2"] == pytest.approx(1 - 4 / 20)
    assert report["mean_rmse"] == pytest.approx(math.sqrt((4 + 0 + 4 + 16) / 4))
    assert price.describe_report(report) == ("RMSE 1, R² 0.8000 on 4 rows; always saying the mean 10 gives RMSE 2.449")


def test_r2_of_equal_numbers_is_undefined():
    report = price.report(np.ones((3, 1)), np.zeros((3, 1)), np.zeros((3, 1)))
    assert report["r2"] is None
    assert "R² undefined" in price.describe_report(report)


def test_numbers_come_back_in_their_units():
    table = Table({"price": np.array([8.0, 13.0])})
    encoded = price.encode(table)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[-1], [1.5]]
    assert price.decode(encoded) == {"prediction": ["8", "13"]}


def test_numbers_are_standardised_by_the_training_rows():
    target = number_target(Table({"p": np.array([1.0, 3.0, 500.0])}), "p", np.array([0, 1]))
    assert target == NumberTarget("p", 2.0, 1.0)


def test_a_target_that_varies_only_outside_the_training_rows_is_refused():
    with pytest.raises(DataError, match="'p' is 1 in every training row"):
        number_target(Table({"p": np.array([1.0, 1.0, 500.0])}), "p", np.array([0, 1]))


@pytest.mark.parametrize("target", [colours, price])
def test_targets_survive_json(target):
    assert target_from_dict(json.loads(json.dumps(target.to_dict()))) == target


def test_numeric_classes_are_ordered_as_numbers():
    target, _ = target_of(Table({"n": np.array([10.0, 9.0, -1.0, 10.0, 9.0, -1.0])}), "n", None)
    assert target.classes == ("-1", "9", "10")
    assert target.encode(Table({"n": np.array([9.0])})).tolist() == [1]
