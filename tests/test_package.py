"""What importing, typing and installing the package promise."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import thalweg

HEAVY = {
    "PIL", "click", "cma", "hypothesis", "llvmlite", "matplotlib", "pyarrow", "pytest", "rich", "safetensors", "scipy",
    "sklearn", "tensorboardX", "torch",
}  # fmt: skip
PACKAGES = ["thalweg", *(m.name for m in pkgutil.walk_packages(thalweg.__path__, "thalweg.") if m.ispkg)]
MODULES = [m.name for m in pkgutil.walk_packages(thalweg.__path__, "thalweg.") if m.name != "thalweg.__main__"]


def test_import_loads_numpy_and_nothing_heavy() -> None:
    code = "import sys, thalweg; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert {"thalweg", "numpy"} <= loaded
    assert not loaded & HEAVY


def test_import_leaves_the_command_line_the_tracer_and_the_file_formats_for_later() -> None:
    code = "import sys, thalweg; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"argparse", "asyncio", "http", "multiprocessing", "thalweg.cli", "thalweg.train", "unittest"}
    assert not loaded & {"thalweg.compiler.trace", "thalweg.viz.blocks", "thalweg.viz.charts", "socket"}
    assert not loaded & {"thalweg.optim.derivative_free", "thalweg.optim.minimizing.running"}


@pytest.mark.parametrize("name", MODULES)
def test_all_names_exist_once(name: str) -> None:
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert [n for n in names if not hasattr(module, n)] == []


def exported_by(package: ModuleType) -> dict[str, object]:
    """What a reader of ``dir(package)`` takes for public, submodules left out."""
    return {
        name: value
        for name, value in vars(package).items()
        if not name.startswith("_") and name != "annotations" and not isinstance(value, ModuleType)
    }


@pytest.mark.parametrize("name", PACKAGES)
def test_all_agrees_with_what_a_package_exports(name: str) -> None:
    package = importlib.import_module(name)
    for n in getattr(package, "__all__", ()):
        getattr(package, n)  # some are imported when they are first used
    exported = exported_by(package)
    if hasattr(package, "__all__"):
        stated = {n for n in package.__all__ if not isinstance(getattr(package, n), ModuleType)}
        assert set(exported) == stated - {"__version__"}
    else:  # it stars its modules, and their __all__ counts
        homes = {n: sys.modules[value.__module__] for n, value in exported.items()}
        assert [n for n, home in homes.items() if n not in home.__all__] == []


def test_package_is_marked_as_typed() -> None:
    assert (importlib.resources.files("thalweg") / "py.typed").is_file()


def test_version_is_that_of_the_installed_distribution() -> None:
    assert thalweg.__version__ == importlib.metadata.version("thalweg")


def test_errors_derive_from_one_base() -> None:
    from thalweg import errors

    kinds = [getattr(errors, n) for n in errors.__all__]
    assert all(issubclass(kind, errors.ThalwegError) for kind in kinds)
    assert {kind for kind in vars(errors).values() if isinstance(kind, type)} == set(kinds)


def test_infinity_and_nan_arise_in_silence() -> None:
    program = (
        "import thalweg as tw; a = tw.tensor([float('inf'), 3e38], requires_grad=True); "
        "b = (a - a) + a * a + (a + a) / 0 + tw.log(-a) + tw.nn.functional.linear(a, a[None]); b.sum().backward()"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
