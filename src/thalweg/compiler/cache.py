"""Object code kept between runs: in memory, and on disk in the user's cache directory.

``THALWEG_CACHE_DIR`` names another directory; ``THALWEG_CACHE=0`` keeps nothing on disk. Files are made complete under
another name and then renamed, and carry a checksum: writers need no locks, and what is damaged or foreign is not used.
A directory that can't be written costs a warning in the log and is only read.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path

from ..version import __version__

__all__ = ["clear", "directory", "fetch", "keep", "key"]

logger = logging.getLogger("thalweg.compiler")

LIMIT = 512 << 20  # bytes on disk; beyond it what was not used for longest goes
MEMORY_LIMIT = 64 << 20
_FORMAT = b"thalweg object 1\n"
_HEAD = len(_FORMAT) + 2 * hashlib.sha256().digest_size
_SUFFIX = ".object"
_ABANDONED = 3600.0  # seconds after which an unfinished file is nobody's any more

_lock = threading.Lock()
_memory: OrderedDict[str, bytes] = OrderedDict()
_refused: set[Path] = set()  # directories that could not be written


def key(*parts: str | bytes) -> str:
    """A name for what is made from these parts by this version of thalweg, as hexadecimal digits.

    >>> from thalweg.compiler import cache
    >>> cache.key("ab", "c") == cache.key("ab", "c"), cache.key("ab", "c") == cache.key("a", "bc")
    (True, False)
    """
    digest = hashlib.sha256(_FORMAT + __version__.encode())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


def directory() -> Path | None:
    """Where files are kept; None if nothing is kept on disk."""
    if os.environ.get("THALWEG_CACHE", "1") == "0":
        return None
    chosen = os.environ.get("THALWEG_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    try:
        return _platform_directory() / "thalweg"
    except RuntimeError:  # no home directory
        return None


def _platform_directory() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache"


def fetch(name: str) -> bytes | None:
    """The code kept under a key, or None."""
    with _lock:
        if name in _memory:
            _memory.move_to_end(name)
            return _memory[name]
    folder = directory()
    code = None if folder is None else _read(folder / (name + _SUFFIX), name)
    if code is not None:
        _remember(name, code)
    return code


def keep(name: str, code: bytes) -> None:
    """Keep code under a key."""
    _remember(name, code)
    folder = directory()
    if folder is None or folder in _refused:
        return
    try:
        _write(folder, name, code)
        _trim(folder, LIMIT)
    except OSError as error:
        _refused.add(folder)
        logger.warning("compiled code is not kept in %s: %s", folder, error)


def clear() -> None:
    """Forget everything that was kept, on disk too."""
    with _lock:
        _memory.clear()
    folder = directory()
    if folder is not None:
        _refused.discard(folder)
        for path in folder.glob("*" + _SUFFIX):
            _remove(path)


def _remember(name: str, code: bytes) -> None:
    with _lock:
        _memory[name] = code
        _memory.move_to_end(name)
        while sum(map(len, _memory.values())) > MEMORY_LIMIT and len(_memory) > 1:
            _memory.popitem(last=False)


def _read(path: Path, name: str) -> bytes | None:
    """The code in a file; None if there is none, or not what was written there."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    code = data[_HEAD:]
    if data[:_HEAD] != _head(name, code):
        logger.info("a damaged file in the cache is not used: %s", path)
        _remove(path)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the time of the last use, whatever the file system does about reading
    return code


def _head(name: str, code: bytes) -> bytes:
    return _FORMAT + bytes.fromhex(name) + hashlib.sha256(code).digest()


def _write(folder: Path, name: str, code: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=folder, suffix=".unfinished")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_head(name, code))
            file.write(code)
        try:
            os.replace(unfinished, folder / (name + _SUFFIX))
        except PermissionError:
            if sys.platform != "win32":  # there, somebody has the same file open: it is as good
                raise
            _remove(Path(unfinished))
    except BaseException:
        _remove(Path(unfinished))
        raise


def _trim(folder: Path, limit: int) -> None:
    """Remove unfinished files, and what was not used for longest until a fifth of the limit is free again."""
    found = []
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):  # another process may have removed it
            status = entry.stat()
            if entry.name.endswith(_SUFFIX):
                found.append((status.st_mtime, status.st_size, entry.path))
            elif entry.name.endswith(".unfinished") and status.st_mtime < time.time() - _ABANDONED:
                _remove(Path(entry.path))
    total = sum(size for _, size, _ in found)
    if total <= limit:
        return
    for _, size, path in sorted(found):
        _remove(Path(path))
        total -= size
        if total <= 0.8 * limit:
            return


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
