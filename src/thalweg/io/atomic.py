"""A file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["open_atomically", "write_atomically"]


@contextlib.contextmanager
def open_atomically(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write bytes to, which takes its name when the block ends.

    At every moment the name shows the old content or the new one, whole. The bytes go to a temporary file in the
    same folder, which is flushed to the disk and then renamed. A process that dies on the way leaves at most the
    temporary file; an exception, KeyboardInterrupt included, leaves nothing.

    Raises:
        OSError: the folder is missing, read-only or full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Write a file at once, as ``open_atomically`` does; text as UTF-8.

    Raises:
        OSError: the folder is missing, read-only or full.
    """
    with open_atomically(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
