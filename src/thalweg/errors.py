"""Every exception that thalweg raises by name. Each also derives from the class PyTorch raises there."""

from __future__ import annotations

import pickle

__all__ = [
    "ArgumentError",
    "AutogradError",
    "CheckpointError",
    "CompileError",
    "DataError",
    "DependencyError",
    "DeviceError",
    "DivergenceError",
    "DivisionError",
    "DtypeError",
    "GradcheckError",
    "LinAlgError",
    "MissingNameError",
    "ModeError",
    "OptimizerError",
    "RunError",
    "SerializationError",
    "ShapeError",
    "StateDictError",
    "TargetError",
    "ThalwegError",
    "TraceError",
    "TransformError",
    "WorkerError",
]


class ThalwegError(Exception):
    """Base of all exceptions that thalweg defines."""


class ShapeError(ThalwegError, RuntimeError, ValueError):
    """Shapes, dimensions or sizes do not fit the operation."""


class DivisionError(ThalwegError, RuntimeError, ZeroDivisionError):
    """An integer is divided by zero."""


class DtypeError(ThalwegError, RuntimeError, TypeError):
    """A dtype does not fit the operation."""


class ArgumentError(ThalwegError, RuntimeError, ValueError):
    """An argument has a value that the operation can't work with."""


class AutogradError(ThalwegError, RuntimeError):
    """Differentiation was asked for where it can't be done, or was disturbed by an in-place change."""


class CheckpointError(ThalwegError, RuntimeError):
    """A function that is run again for the backward does not do what it did the first time."""


class CompileError(ThalwegError, RuntimeError):
    """A function can't be compiled."""


class DataError(ThalwegError, ValueError):
    """Data, or a file that holds data, can't be read as what it should be."""


class SerializationError(DataError, RuntimeError, pickle.UnpicklingError):
    """A checkpoint can't be read or written: damaged, or with something in it that is refused."""


class DependencyError(ThalwegError, ImportError):
    """A package that only this feature needs is not installed."""


class DeviceError(ThalwegError, RuntimeError, AssertionError):
    """A device other than the CPU was asked for."""


class DivergenceError(ThalwegError, ArithmeticError):
    """Training has left the finite numbers."""


class GradcheckError(ThalwegError, RuntimeError):
    """A gradient differs from finite differences."""


class MissingNameError(ThalwegError, AttributeError):
    """A name that PyTorch has and thalweg has not."""


class LinAlgError(ThalwegError, RuntimeError):
    """A matrix is singular, not positive definite, or its decomposition does not converge."""


class ModeError(ArgumentError, NotImplementedError):
    """A function was asked for a mode that it does not have, or not for these dimensions."""


class OptimizerError(ThalwegError, ValueError):
    """An optimiser or scheduler was given arguments that it can't work with."""


class RunError(ThalwegError, ValueError):
    """A training run can't be set up, written or read as asked."""


class StateDictError(ThalwegError, RuntimeError, KeyError):
    """A state_dict does not fit the module or optimiser it was given to."""

    __str__ = Exception.__str__  # KeyError would print the repr


class TargetError(ThalwegError, IndexError, RuntimeError):
    """A target names a class that does not exist."""


class TraceError(CompileError):
    """A function does something that a compiled program could not repeat."""


class TransformError(ThalwegError, RuntimeError):
    """A function does something that can't be done for a batch, or along a direction, of arguments."""


class WorkerError(ThalwegError, RuntimeError):
    """A worker process of a DataLoader ended, was too slow, or met an error that can't be sent back."""
