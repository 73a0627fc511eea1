"""Bytes from disk, with named errors for compressed files that are damaged."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from ..errors import DataError

__all__ = ["read_bytes"]

_GZIP_MAGIC = b"\x1f\x8b"


def read_bytes(path: str | Path) -> bytes:
    """The file's content, decompressed if it is a gzip file (by its first two bytes, whatever its name).

    A file that can't be opened raises the system's own OSError; a damaged gzip stream raises DataError.
    """
    raw = Path(path).read_bytes()
    if not raw.startswith(_GZIP_MAGIC):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the gzip file is damaged or cut short ({error}); fetch it again") from None
