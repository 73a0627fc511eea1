import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from thalweg.compiler import cache

KEY = cache.key("a module", "a processor")
CODE = bytes(range(256)) * 10


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("THALWEG_CACHE", raising=False)
    monkeypatch.setattr(cache, "_memory", type(cache._memory)())
    monkeypatch.setattr(cache, "_refused", set())
    return tmp_path / "cache"


def from_disk(key=KEY):
    cache._memory.clear()
    return cache.fetch(key)


def the_file(folder):
    (path,) = folder.iterdir()
    return path


def test_what_is_kept_is_fetched_from_memory_and_from_disk(folder):
    assert cache.fetch(KEY) is None
    cache.keep(KEY, CODE)
    assert cache.fetch(KEY) == CODE
    assert from_disk() == CODE
    assert [path.name for path in folder.iterdir()] == [KEY + ".object"]
    the_file(folder).unlink()
    assert cache.fetch(KEY) == CODE


def test_keys_differ_with_each_part_and_with_the_version(monkeypatch):
    keys = [cache.key(*parts) for parts in (("a", "b"), ("ab",), ("ab", ""), ("b", "a"), (b"a", "c"))]
    assert len(set(keys)) == 5
    assert cache.key("a", "b") == cache.key(b"a", b"b") == keys[0]
    monkeypatch.setattr(cache, "__version__", "0.0.0")
    assert cache.key("a", "b") != keys[0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:40],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:-5] + b"?" + data[-4:],
        lambda data: b"X" + data[1:],
        lambda data: b"\x7fELF something else",
    ],
)
def test_a_damaged_file_is_removed_and_replaced(folder, damage):
    cache.keep(KEY, CODE)
    path = the_file(folder)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert from_disk() is None
    assert not path.exists()
    cache.keep(KEY, CODE)
    assert from_disk() == CODE


def test_a_file_under_another_key_is_not_used(folder):
    cache.keep(KEY, CODE)
    other = cache.key("another module")
    the_file(folder).rename(folder / (other + ".object"))
    assert from_disk(other) is None


def test_nothing_is_kept_on_disk_if_switched_off(folder, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", "0")
    assert cache.directory() is None
    cache.keep(KEY, CODE)
    assert cache.fetch(KEY) == CODE
    assert from_disk() is None
    assert not folder.exists()


def test_clear_forgets_everything_and_leaves_foreign_files(folder):
    cache.keep(KEY, CODE)
    (folder / "letter.txt").write_text("kept")
    cache.clear()
    assert cache.fetch(KEY) is None
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_a_directory_that_cannot_be_made_costs_one_warning(folder, caplog):
    folder.write_text("a file is in the way")
    with caplog.at_level(logging.WARNING, "thalweg.compiler"):
        cache.keep(KEY, CODE)
        cache.keep(cache.key("another"), CODE)
    assert cache.fetch(KEY) == CODE
    (record,) = caplog.records
    assert str(folder) in record.getMessage()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_only_be_read_is_read(folder, caplog):
    cache.keep(KEY, CODE)
    folder.chmod(0o500)
    try:
        assert from_disk() == CODE
        with caplog.at_level(logging.WARNING, "thalweg.compiler"):
            cache.keep(cache.key("another"), CODE)
        assert len(caplog.records) == 1
    finally:
        folder.chmod(0o700)


def test_a_full_disk_costs_one_warning_and_leaves_nothing(folder, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with caplog.at_level(logging.WARNING, "thalweg.compiler"):
        cache.keep(KEY, CODE)
    assert "No space left" in caplog.records[0].getMessage()
    assert list(folder.iterdir()) == []
    assert cache.fetch(KEY) == CODE


def test_beyond_the_limit_what_was_not_used_for_longest_goes(folder, monkeypatch):
    keys = [cache.key(str(n)) for n in range(5)]
    for age, key in enumerate(reversed(keys)):
        cache.keep(key, CODE)
        past = time.time() - 100 * (5 - age)
        os.utime(folder / (key + ".object"), (past, past))
    assert from_disk(keys[4]) == CODE  # used now: the oldest becomes the newest
    size = the_size = (folder / (keys[0] + ".object")).stat().st_size
    monkeypatch.setattr(cache, "LIMIT", int(4.5 * size))
    cache.keep(KEY, CODE)
    left = {path.stem for path in folder.iterdir()}
    assert left == {KEY, keys[4], keys[0]}
    assert sum(path.stat().st_size for path in folder.iterdir()) == 3 * the_size


def test_unfinished_files_of_the_past_go(folder):
    folder.mkdir()
    old, new = folder / "old.unfinished", folder / "new.unfinished"
    old.write_text("")
    new.write_text("")
    os.utime(old, (time.time() - 10_000, time.time() - 10_000))
    cache.keep(KEY, CODE)
    assert not old.exists()
    assert new.exists()


def test_memory_is_limited(monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", "0")
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 2 * len(CODE))
    keys = [cache.key(str(n)) for n in range(3)]
    cache.keep(keys[0], CODE)
    cache.keep(keys[1], CODE)
    cache.fetch(keys[0])
    cache.keep(keys[2], CODE)
    assert [cache.fetch(key) is not None for key in keys] == [True, False, True]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/somewhere"}, "/somewhere/thalweg"),
        ({"XDG_CACHE_HOME": "not/absolute", "HOME": "/home/ada"}, "/home/ada/.cache/thalweg"),
        ({"HOME": "/home/ada"}, "/home/ada/.cache/thalweg"),
        ({"THALWEG_CACHE_DIR": "/chosen", "HOME": "/home/ada"}, "/chosen"),
        ({"THALWEG_CACHE_DIR": "~/chosen", "HOME": "/home/ada"}, "/home/ada/chosen"),
    ],
)
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="other places there")
def test_the_directory_on_linux(monkeypatch, environment, expected):
    for name in ("XDG_CACHE_HOME", "THALWEG_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache.directory() == Path(expected)


def test_the_directory_on_other_systems(monkeypatch):
    monkeypatch.delenv("THALWEG_CACHE_DIR")
    monkeypatch.setenv("HOME", "/Users/ada")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.directory() == Path("/Users/ada/Library/Caches/thalweg")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/Local")
    assert cache.directory() == Path("/Local/thalweg")


def test_no_home_means_no_files(monkeypatch):
    monkeypatch.delenv("THALWEG_CACHE_DIR")

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(cache, "_platform_directory", homeless)
    assert cache.directory() is None
    cache.keep(KEY, CODE)
    assert cache.fetch(KEY) == CODE


def test_threads_may_keep_and_fetch_at_once():
    wrong = []

    def work(seed):
        for n in range(50):
            key = cache.key(str((seed + n) % 7))
            cache.keep(key, key.encode() * 10)
            if cache.fetch(key) != key.encode() * 10:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


WRITER = """
import sys
from thalweg.compiler import cache
for n in range(150):
    key = cache.key(str(n % 3))
    found = cache._read(cache.directory() / (key + ".object"), key)
    assert found in (None, key.encode() * 5000), "a half-written file was read"
    cache.keep(key, key.encode() * 5000)
"""


def test_processes_may_write_the_same_files_at_once(folder):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    assert sorted(path.stem for path in folder.iterdir()) == sorted(cache.key(str(n)) for n in range(3))
