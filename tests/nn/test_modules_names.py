"""PyTorch's names of files lead to the layers."""

from __future__ import annotations

import importlib

import pytest

from thalweg import nn


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("conv", "Conv2d _ConvNd _ConvTransposeNd"), ("batchnorm", "BatchNorm1d _BatchNorm _NormBase"),
        ("loss", "MSELoss _Loss _WeightedLoss"), ("rnn", "LSTM RNNBase"), ("module", "Module"),
        ("dropout", "Dropout _DropoutNd"), ("linear", "Linear Identity"), ("transformer", "TransformerEncoderLayer"),
        ("container", "Sequential ModuleList"), ("activation", "ReLU"), ("normalization", "LayerNorm"),
        ("pooling", "MaxPool2d"), ("padding", "ZeroPad2d"), ("sparse", "Embedding"), ("upsampling", "Upsample"),
        ("instancenorm", "InstanceNorm2d _InstanceNorm"), ("lazy", "LazyModuleMixin"), ("flatten", "Flatten"),
    ],
)  # fmt: skip
def test_names_lead_to_the_layers(place, names):
    module = importlib.import_module(f"thalweg.nn.modules.{place}")
    for name in names.split():
        assert getattr(module, name) is getattr(nn, name, getattr(module, name))
    assert getattr(nn.modules, place) is module


def test_bases_are_those_of_the_layers():
    assert isinstance(nn.BatchNorm2d(1), nn.modules.batchnorm._BatchNorm)
    assert isinstance(nn.Conv1d(1, 1, 1), nn.modules.conv._ConvNd)
    assert isinstance(nn.CrossEntropyLoss(), nn.modules.loss._WeightedLoss)
    assert nn.modules.Linear is nn.Linear


def test_numbers_as_tuples():
    utils = nn.modules.utils
    assert utils._pair(3) == (3, 3)
    assert utils._triple([1, 2, 3]) == (1, 2, 3)
    assert utils._ntuple(4)(0) == (0, 0, 0, 0)
    assert utils._reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)
    state = nn.Sequential(nn.Linear(1, 1)).state_dict()
    wrapped = type(state)((f"module.{key}", value) for key, value in state.items())
    utils.consume_prefix_in_state_dict_if_present(wrapped, "module.")
    assert list(wrapped) == list(state)
