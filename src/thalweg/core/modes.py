"""Grad mode: whether operations are recorded for differentiation. One state for each thread, as in PyTorch."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from .value import Tracer

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])


class _State(threading.local):
    recording: bool = True
    inference: bool = False
    watcher: Any = None  # what is told of each node that backward visits; see core.backward.Watcher
    tracer: Tracer | None = None  # what records a whole function in this thread
    inside: int = 0  # how many traces and transformations are running: compiled functions are then part of them
    examined: int = 0  # how many of them only examine what is computed, as detect_anomaly does
    forward: Any = None  # the level of forward mode that new tensors belong to
    batches: tuple[Any, ...] = ()  # the batches that functions of one sample are being applied to, outermost first


state = _State()


class _Mode:
    """A context manager, usable as a decorator too, that sets the grad mode and restores it."""

    recording: bool = False
    inference: bool | None = None

    def __init__(self) -> None:
        self._previous: list[tuple[bool, bool]] = []  # a stack: one instance may be entered again

    def __enter__(self) -> None:
        self._previous.append((state.recording, state.inference))
        state.recording = self.recording
        if self.inference is not None:
            state.inference = self.inference

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        state.recording, state.inference = self._previous.pop()

    def clone(self) -> _Mode:
        return type(self)()

    @overload
    def __call__(self, function: F) -> F: ...
    @overload  # a type checker takes a function below a bare ``@no_grad`` for an instance of the mode
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __call__(self, function: Any) -> Any:
        if inspect.isgeneratorfunction(function):
            return _decorate_generator(self, function)

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return wrapper


def _decorate_generator(mode: _Mode, function: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Any]:
    """The mode holds while the generator's body runs, not while it waits."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        sent: Any = None
        try:
            while True:
                with mode.clone():
                    try:
                        item = generator.send(sent)
                    except StopIteration as stop:
                        return stop.value
                sent = yield item
        finally:
            generator.close()

    return wrapper


class no_grad(_Mode):  # noqa: N801 - PyTorch's name
    """Within it nothing is recorded, so results never require a gradient.

    >>> import thalweg as tw
    >>> x = tw.ones(2, requires_grad=True)
    >>> with tw.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Any = None) -> Any:
        if function is None:
            return super().__new__(cls)
        return cls()(function)  # written as a bare decorator

    def __init__(self, function: Any = None) -> None:
        super().__init__()


class enable_grad(no_grad):  # noqa: N801 - PyTorch's name
    """Within it operations are recorded, also inside ``no_grad``."""

    recording = True


class set_grad_enabled(_Mode):  # noqa: N801 - PyTorch's name
    """Sets the grad mode at once, as a plain call; used with ``with``, restores it at the end."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.recording = bool(mode)
        self._before: tuple[bool, bool] | None = (state.recording, state.inference)
        state.recording = self.recording

    def __enter__(self) -> None:
        self._previous.append(self._before or (state.recording, state.inference))
        self._before = None
        state.recording = self.recording

    def __call__(self, function: F) -> F:
        if self._before is not None:  # a decorator sets the mode only while the function runs
            state.recording, state.inference = self._before
            self._before = None
        return super().__call__(function)

    def clone(self) -> _Mode:
        return set_grad_enabled(self.recording)


class inference_mode(_Mode):  # noqa: N801 - PyTorch's name
    """``no_grad`` under PyTorch's other name.

    PyTorch marks tensors made here so that autograd refuses them afterwards; thalweg's remain ordinary tensors.
    """

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode):
            return cls()(mode)
        return super().__new__(cls)

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self.inference = bool(mode)

    def __enter__(self) -> None:
        super().__enter__()
        if not self.inference:
            state.recording = self._previous[-1][0]

    def clone(self) -> _Mode:
        return inference_mode(self.inference)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return state.recording


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``."""
    return state.inference
