"""The stored names are those of the installed PyTorch, and the right kind of names."""

import json
import subprocess
import sys
from typing import Any

import pytest

from .torch_names import PACKAGE

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

ROOT = PACKAGE.parents[1]
STORED = json.loads((PACKAGE / "torch_names.json").read_text(encoding="utf-8"))


def collected() -> Any:
    """In a process of its own: what other tests import would add names."""
    code = "import json; from tests.oracle.torch_names import collect; print(json.dumps(collect()))"
    command = [sys.executable, "-W", "ignore", "-c", code]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_they_are_those_of_this_version():
    if torch.__version__.partition("+")[0] != STORED["version"]:
        pytest.skip(f"the names are those of PyTorch {STORED['version']}")
    assert collected() == STORED, "run: python -m tests.oracle.torch_names"


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
