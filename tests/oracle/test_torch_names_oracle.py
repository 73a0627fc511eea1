"""The stored names are those of the installed PyTorch, and the right kind of names."""

import json

import pytest

from .torch_names import PACKAGE, collect

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

STORED = json.loads((PACKAGE / "torch_names.json").read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_they_are_those_of_this_version():
    if torch.__version__.partition("+")[0] != STORED["version"]:
        pytest.skip(f"the names are those of PyTorch {STORED['version']}")
    assert collect() == STORED, "run: python -m tests.oracle.torch_names"


@pytest.mark.parametrize(
    ("space", "here", "not_here"),
    [
        ("", ["relu", "bfloat16", "fft", "jit", "FloatTensor", "channels_last"], ["os", "sys", "Any", "TypeVar"]),
        ("nn", ["Linear", "SyncBatchNorm", "functional"], ["Tensor", "OrderedDict"]),
        ("nn.functional", ["relu", "conv2d"], ["Tensor", "math", "Callable"]),
        ("optim", ["Adam", "SparseAdam", "lr_scheduler"], ["defaultdict"]),
        ("Tensor", ["to_sparse", "sum", "T"], ["__add__"]),
    ],
)
def test_names_are_pytorchs_own(space, here, not_here):
    names = {*STORED["spaces"][space]["documented"], *STORED["spaces"][space]["other"]}
    assert set(here) <= names
    assert not set(not_here) & names


def test_the_methods_are_those_of_the_table():
    methods = STORED["spaces"]["Tensor"]
    stored = (PACKAGE / "torch_methods.txt").read_text(encoding="utf-8").split()
    assert stored == sorted(methods["documented"] + methods["other"])
