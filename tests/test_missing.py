"""Names that PyTorch has and thalweg has not: what is said of them, and that nothing else changes."""

import copy
import importlib
import pickle
import subprocess
import sys

import pytest

import thalweg as tw
from thalweg.errors import MissingNameError
from thalweg.missing import MissingMethod, mark_methods, names_of, replacement

MODULES = [
    "thalweg", "thalweg.nn", "thalweg.nn.functional", "thalweg.nn.init", "thalweg.nn.utils", "thalweg.optim",
    "thalweg.optim.lr_scheduler", "thalweg.autograd", "thalweg.utils", "thalweg.utils.data", "thalweg.cuda",
    "thalweg.amp",
]  # fmt: skip


def absent(module):
    space = module.partition(".")[2]
    return [n for n in names_of(space) if n not in vars(importlib.import_module(module))]


@pytest.mark.parametrize("name", MODULES)
def test_every_missing_name_says_so(name):
    module = importlib.import_module(name)
    space = name.partition(".")[2]
    for missing in absent(name):
        full = f"{space}.{missing}" if space else missing
        with pytest.raises(MissingNameError, match=f"^PyTorch has torch.{full}, thalweg does not.*docs/migration.md"):
            getattr(module, missing)
        assert not hasattr(module, missing)


@pytest.mark.parametrize("name", MODULES)
def test_other_names_are_missed_as_ever(name):
    module = importlib.import_module(name)
    with pytest.raises(AttributeError, match=f"^module '{name}' has no attribute 'liner'$") as caught:
        module.liner  # noqa: B018
    assert caught.value.name == "liner" and caught.value.obj is module  # for Python's "Did you mean"
    assert not hasattr(module, "__wrapped__") and getattr(module, "liner", 3) == 3


@pytest.mark.parametrize("name", MODULES)
def test_star_imports_bring_no_missing_name(name):
    names = {}
    exec(f"from {name} import *", names)
    assert not set(names) & set(absent(name))


def test_importing_a_missing_name_is_an_import_error():
    with pytest.raises(ImportError, match="SyncBatchNorm"):
        from thalweg.nn import SyncBatchNorm  # noqa: F401


def test_what_to_use_instead_is_said():
    for full, hint in {
        "jit": "tw.compile", "fft": "numpy.fft", "complex64": "complex", "nn.SyncBatchNorm": "BatchNorm1d",
        "Tensor.to_sparse": "sparse", "distributed": "processes", "sparse_coo_tensor": "sparse",
    }.items():  # fmt: skip
        assert hint in replacement(full)
    assert replacement("no_such_name") == "" == replacement("complexity")


def test_missing_methods_of_tensors_say_so():
    x = tw.zeros(2)
    with pytest.raises(MissingNameError, match=r"torch\.Tensor\.to_sparse, thalweg does not: sparse"):
        x.to_sparse()
    with pytest.raises(AttributeError, match="no attribute 'too'"):
        x.too()
    assert not hasattr(x, "to_sparse") and not hasattr(tw.Tensor, "to_sparse")
    assert "to_sparse" not in dir(x) and "sum" in dir(x)
    p = copy.deepcopy(tw.nn.Parameter(tw.zeros(2)))
    assert not hasattr(pickle.loads(pickle.dumps(p)), "to_sparse")


def test_a_subclass_may_define_what_is_missing():
    class Own(tw.Tensor):
        def to_sparse(self):
            return "own"

    class Asked(tw.Tensor):
        def __getattr__(self, name):
            return f"asked for {name}"

    assert Own([1.0]).to_sparse() == "own"
    assert Asked([1.0]).to_sparse == "asked for to_sparse"


def test_methods_that_exist_are_left_alone():
    class Tensor:
        def sum(self):
            return 1

    mark_methods(Tensor)
    assert Tensor().sum() == 1 and isinstance(vars(Tensor)["to_sparse"], MissingMethod)


def test_the_names_are_read_on_the_first_miss_only():
    code = (
        "import thalweg as tw, thalweg.missing as m; assert m._data.cache_info().currsize == 0; "
        "hasattr(tw, '__wrapped__'); assert m._data.cache_info().currsize == 0; "
        "hasattr(tw, 'fft'); assert m._data.cache_info().currsize == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_table_of_the_migration_page_is_up_to_date():
    from .missing_table import PAGE, page

    assert page() == PAGE.read_text(encoding="utf-8"), "run: python -m tests.missing_table"
