"""What the command line draws: an object in a Python file, and example inputs by their shapes."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import ArgumentError, ThalwegError
from ..nn.module import Module
from .blocks import Diagram, diagram

__all__ = ["draw_file", "load_object", "parse_input"]

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")


def load_object(where: str) -> Any:
    """The module or function that ``FILE.py:NAME`` names; the name is ``model`` if none is given.

    A class of modules is instantiated, and a function without required parameters is called for the model that it
    makes. The file is run as a program's import would run it.

    Raises:
        ArgumentError: there is no such file or name, the file fails, or what it names can't be drawn.
    """
    file, _, name = where.rpartition(":") if ".py:" in where else (where, "", "model")
    path = Path(file)
    if not path.is_file():
        raise ArgumentError(f"draw: there is no file {file}; say FILE.py:NAME")
    with _users_code(file):
        return _made(_attribute(_imported(path), name, file))


def draw_file(where: str, inputs: Sequence[str], **options: Any) -> Diagram:
    """The diagram of what ``where`` names, for inputs as ``parse_input`` reads them; ``options`` are ``diagram``'s.

    Raises:
        ArgumentError: as ``load_object`` and ``parse_input``; or the function fails on such inputs.
    """
    tensors = [parse_input(text) for text in inputs]
    function = load_object(where)
    with _users_code(f"{where} with {len(tensors)} input{'s' if len(tensors) != 1 else ''} (see --input)"):
        return diagram(function, *tensors, **options)


@contextmanager
def _users_code(what: str) -> Iterator[None]:
    """An error of the user's own becomes one sentence that says where it came up."""
    try:
        yield
    except ThalwegError:
        raise
    except (Exception, SystemExit) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        line = f"{os.path.basename(place.filename)}:{place.lineno}"
        raise ArgumentError(f"draw: {what} failed at {line} with {type(error).__name__}: {error}") from error


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"draw: {path} is not a Python file; its name has to end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _attribute(module: ModuleType, name: str, file: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            drawable = [n for n, x in vars(module).items() if isinstance(x, Module)]
            hint = f"; it has the models {', '.join(drawable)}" if drawable else ""
            raise ArgumentError(f"draw: {file} has no {name!r}{hint}")
        found = getattr(found, part)
    return found


def _made(found: Any) -> Any:
    """The object to draw, made if it is a class or a factory."""
    if isinstance(found, Module):
        return found
    if not callable(found):
        raise ArgumentError(f"draw: {type(found).__name__} objects can't be drawn; name a module or a function")
    required = [p for p in inspect.signature(found).parameters.values() if _is_required(p)]
    if isinstance(found, type):
        if required:
            names = ", ".join(p.name for p in required)
            raise ArgumentError(f"draw: {found.__name__} needs arguments ({names}); name an instance in the file")
        return found()
    return found if required else found()


def _is_required(p: inspect.Parameter) -> bool:
    return p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)


def parse_input(text: str) -> Tensor:
    """A tensor of zeros from ``64,1,28,28`` or ``8,32:int64``; ``scalar`` has no axes.

    >>> parse_input("2,3").shape, parse_input("8:int64").dtype
    (thalweg.Size([2, 3]), thalweg.int64)
    """
    sizes, _, dtype = text.partition(":")
    dtype = dtype.strip() or "float32"
    if dtype not in DTYPES:
        raise ArgumentError(f"draw: there is no dtype {dtype!r} for an input; choose one of {', '.join(DTYPES)}")
    if sizes.strip() == "scalar":
        return wrap(np.zeros((), dtype))
    try:
        shape = tuple(int(n) for n in sizes.split(","))
    except ValueError:
        shape = (-1,)
    if any(n < 0 for n in shape):
        raise ArgumentError(f"draw: an input is sizes such as 64,1,28,28, or 8,32:int64, not {text!r}")
    return wrap(np.zeros(shape, dtype))
