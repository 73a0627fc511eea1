"""Paths and file objects alike."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .atomic import open_atomically

__all__ = ["File", "describe", "reading", "writing"]

File = str | os.PathLike[str] | IO[bytes]


def describe(file: Any) -> str:
    """What messages call the file: its path, or the kind of object."""
    if isinstance(file, (str, os.PathLike)):
        return os.fspath(file)
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else f"the {type(file).__name__}"


@contextlib.contextmanager
def reading(file: File, name: str) -> Iterator[IO[bytes]]:
    """A file to read bytes from that can seek. A file object is read from where it stands.

    Raises:
        TypeError: it is neither a path nor a binary file.
    """
    if isinstance(file, (str, os.PathLike)):
        with open(file, "rb") as opened:
            yield opened
    elif hasattr(file, "read") and not isinstance(file, io.TextIOBase):
        seekable = hasattr(file, "seekable") and file.seekable() and file.tell() == 0
        yield file if seekable else io.BytesIO(file.read())
    else:
        raise TypeError(f"{name}: needs a path or a file opened in binary mode, not {type(file).__name__}")


@contextlib.contextmanager
def writing(file: File, name: str) -> Iterator[IO[bytes]]:
    """A file to write bytes to; a path shows the old content or the whole new one.

    Raises:
        TypeError: it is neither a path nor a binary file.
    """
    if isinstance(file, (str, os.PathLike)):
        with open_atomically(Path(file)) as opened:
            yield opened
    elif hasattr(file, "write") and not isinstance(file, io.TextIOBase):
        yield file
    else:
        raise TypeError(f"{name}: needs a path or a file opened in binary mode, not {type(file).__name__}")
