"""Names that PyTorch has and thalweg has not: an AttributeError that says so, and what to use instead.

``torch_names.json`` holds PyTorch's public names; ``python -m tests.oracle.torch_names`` writes it. It is read when a
name is missed for the first time.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import MissingNameError

__all__ = [
    "AbsentModule",
    "Missing",
    "MissingMethod",
    "allow_absent_imports",
    "explain_missing_names",
    "mark_methods",
    "names_of",
    "replacement",
]

_HERE = Path(__file__).parent
_COMPLEX = "complex numbers are left out; keep the real and the imaginary part in two tensors"
_SPARSE = "sparse tensors are left out; use dense ones, or an index and a scatter_add"
_QUANTIZED = "quantized tensors are left out; use float16 or an integer dtype with a scale of your own"
_SCRIPT = "use tw.compile, which makes native code of a function or a training step"
_PROCESSES = "training over several processes is left out; tw.set_num_threads uses the cores of one machine"
_EXPORT = "save the weights by thalweg.io.save_torch or save_file, and export them from PyTorch"

_SPACES = (
    "", "amp", "autograd", "autograd.functional", "backends", "cuda", "distributed", "distributions", "func",
    "jit", "linalg", "nn", "nn.functional", "nn.init", "nn.parallel", "nn.utils", "nn.utils.parametrizations",
    "nn.utils.parametrize", "nn.utils.rnn", "optim", "optim.lr_scheduler", "optim.swa_utils", "random", "special",
    "testing", "utils", "utils.data",
)  # fmt: skip

# Modules of PyTorch's that scripts import at their top and may never use.
_ABSENT = (
    "autograd.profiler", "distributed.rpc", "fft", "fx", "hub", "masked", "nested", "onnx", "profiler", "sparse",
    "utils.cpp_extension", "utils.model_zoo",
)  # fmt: skip

# What to use instead: by full name, or by the beginning of it.
_INSTEAD = {
    "cfloat": _COMPLEX,
    "cdouble": _COMPLEX,
    "complex": _COMPLEX,
    "complex32": _COMPLEX,
    "complex64": _COMPLEX,
    "complex128": _COMPLEX,
    "view_as_complex": _COMPLEX,
    "view_as_real": _COMPLEX,
    "imag": _COMPLEX,
    "linalg.eig": _COMPLEX,
    "linalg.eigvals": _COMPLEX,
    "polar": _COMPLEX,
    "fft": "compute with numpy.fft on x.numpy(); a derivative needs an autograd.Function round it",
    "stft": "compute with scipy.signal on x.numpy()",
    "istft": "compute with scipy.signal on x.numpy()",
    "sparse": _SPARSE,
    "to_sparse": _SPARSE,
    "optim.SparseAdam": "use optim.Adam: gradients are dense",
    "quantize": _QUANTIZED,
    "quantization": _QUANTIZED,
    "quantized": _QUANTIZED,
    "ao": _QUANTIZED,
    "nn.quantized": _QUANTIZED,
    "jit": _SCRIPT,
    "fx": "step.graph of a compiled function shows its graph",
    "export": _EXPORT,
    "onnx": _EXPORT,
    "package": _EXPORT,
    "nested": "pad the sequences to one length (nn.utils.rnn.pad_sequence)",
    "distributed": _PROCESSES,
    "nn.parallel": _PROCESSES,
    "nn.SyncBatchNorm": "use nn.BatchNorm1d, 2d or 3d: there is one process",
    "profiler": "use step.profile(*args) of a compiled function, or Python's cProfile",
    "autograd.profiler": "use step.profile(*args) of a compiled function, or Python's cProfile",
    "hub": "download the weights yourself and read them by tw.load",
    "utils.model_zoo": "download the weights yourself and read them by tw.load",
    "utils.cpp_extension": "write an autograd.Function; tw.compile makes native code of what it is made of",
    "UntypedStorage": "a tensor's memory is the array x.numpy()",
    "TypedStorage": "a tensor's memory is the array x.numpy()",
    "Tensor.map_": "write it with operations on whole tensors",
    "Tensor.untyped_storage": "a tensor's memory is the array x.numpy()",
    "Tensor.storage": "a tensor's memory is the array x.numpy()",
    "Tensor.set_": "assign to x.data",
    "Tensor.as_subclass": "write functions that take tensors",
}  # fmt: skip


@functools.cache
def _data() -> dict[str, Any]:
    return json.loads((_HERE / "torch_names.json").read_text(encoding="utf-8"))


def names_of(space: str, documented: bool = False) -> list[str]:
    """PyTorch's public names in a module such as "nn" ("" is ``torch``), or only those with a docstring."""
    entry = _data()["spaces"].get(space, {"documented": [], "other": []})
    return sorted(entry["documented"] if documented else entry["documented"] + entry["other"])


def replacement(full: str) -> str:
    """What to use instead of a name such as "nn.SyncBatchNorm"; empty if nothing is known."""
    last = full.rpartition(".")[2]
    for key in (full, last if full.startswith("Tensor.") else full):
        for known, text in _INSTEAD.items():
            if key == known or key.startswith((f"{known}.", f"{known}_")):
                return text
    return ""


def _message(full: str) -> str:
    instead = replacement(full)
    what = f"PyTorch has torch.{full}, thalweg does not"
    return f"{what}: {instead}; see docs/migration.md" if instead else f"{what}; docs/migration.md says what there is"


class Missing:
    """The ``__getattr__`` of a module: called for names that the module has not.

    >>> import thalweg as tw
    >>> hasattr(tw.nn, "SyncBatchNorm")
    False
    >>> tw.nn.SyncBatchNorm
    Traceback (most recent call last):
    ...
    thalweg.errors.MissingNameError: PyTorch has torch.nn.SyncBatchNorm, thalweg does not: use nn.BatchNorm1d, 2d or \
3d: there is one process; see docs/migration.md
    """

    def __init__(self, module: str, late: Callable[[str], Any] | None = None) -> None:
        self.module = module
        self.space = module.partition(".")[2]
        self.late = late  # the module's own, which imports names when they are first used

    def __call__(self, name: str) -> Any:
        owner = sys.modules.get(self.module)
        if self.late is not None and name in vars(owner)["__all__"]:
            return self.late(name)
        if not name.startswith("_") and name in names_of(self.space):
            full = f"{self.space}.{name}" if self.space else name
            raise MissingNameError(_message(full))
        raise AttributeError(f"module {self.module!r} has no attribute {name!r}", name=name, obj=owner)


def explain_missing_names() -> None:
    """Give thalweg's modules a ``__getattr__`` that knows PyTorch's names; called once all are imported."""
    for space in _SPACES:
        module = sys.modules.get(f"thalweg.{space}" if space else "thalweg")
        if module is not None:
            vars(module)["__getattr__"] = Missing(module.__name__, vars(module).get("__getattr__"))
    allow_absent_imports()


class AbsentModule(ModuleType):
    """What ``import thalweg.onnx`` finds: a module in which every name is missing, and says so."""

    def __getattr__(self, name: str) -> Any:
        space = self.__name__.partition(".")[2]
        if name.startswith("_"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        raise MissingNameError(_message(f"{space}.{name}"))


def allow_absent_imports() -> None:
    """Let scripts import the modules that are not there; as attributes (``tw.fft``) these are still missing."""
    for space in _ABSENT:
        name = f"thalweg.{space}"
        sys.modules.setdefault(name, AbsentModule(name, "Not there; thalweg.missing says what to use instead."))


class MissingMethod:
    """Stands in a class for a method of PyTorch's that is not there. To ``hasattr`` it is not there either."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        raise MissingNameError(_message(self.name))


def mark_methods(owner: type) -> None:
    """Put a ``MissingMethod`` on a class for each method of PyTorch's that it has not.

    A ``__getattr__`` of the class would do without them, but makes every access to a slot four times as slow.
    """
    names = (_HERE / "torch_methods.txt").read_text(encoding="utf-8").split()
    for name in names:
        if not hasattr(owner, name):
            setattr(owner, name, MissingMethod(f"{owner.__name__}.{name}"))
