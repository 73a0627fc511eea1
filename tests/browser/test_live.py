"""A training watched in Chromium: the page follows it, outlives a dropped connection, and stops it."""

from __future__ import annotations

import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WAIT = 40_000  # milliseconds
LOST = "ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_FAILED"


class Training:
    """``thalweg train digits --watch`` in a process of its own."""

    def __init__(self, folder: Path, epochs: int) -> None:
        command = [
            sys.executable,
            "-m",
            "thalweg",
            "train",
            "digits",
            "--out",
            "run",
            "--watch",
            "--epochs",
            str(epochs),
        ]
        self.folder = folder
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        assert self.process.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert found is not None
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}/"

    def ended(self) -> int:
        self.process.communicate(timeout=30)
        return self.process.returncode

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's children would ignore it
    found = Training(tmp_path, 1_000_000)
    signal.signal(signal.SIGINT, before)
    yield found
    found.kill()


def done(page: Any) -> int:
    return int(page.locator("#live-epochs").inner_text().split()[0].replace(",", ""))


def wait_for_epoch(page: Any, epoch: int) -> None:
    page.wait_for_function(
        "n => Number(document.getElementById('live-epochs').textContent.split(' ')[0].replaceAll(',', '')) >= n",
        arg=epoch, timeout=WAIT,
    )  # fmt: skip


def wait_for_state(page: Any, words: str) -> None:
    page.wait_for_function(
        "words => document.getElementById('live-state').textContent.includes(words)", arg=words, timeout=WAIT
    )


def test_the_page_follows_the_training_without_a_reload(page: Any, training: Training) -> None:
    page.goto(training.url)
    page.evaluate("window.here = true")
    wait_for_epoch(page, 2)
    first = done(page)
    curve = page.locator("#curves svg").first.inner_html()
    wait_for_epoch(page, first + 1)
    assert page.evaluate("window.here")
    page.wait_for_function("old => document.querySelector('#curves svg').innerHTML !== old", arg=curve, timeout=WAIT)
    assert page.locator("#gradients svg").count() == 3
    assert page.locator("#network svg").count() == 1
    assert page.locator("#live-state").inner_text() == "Training."


def test_what_is_folded_stays_folded(page: Any, training: Training) -> None:
    page.goto(training.url)
    wait_for_epoch(page, 2)
    page.locator("#gradients summary").first.click()
    page.locator("details#weights > summary").click()
    page.locator("details#weights > summary").focus()
    curve = page.locator("#curves svg").first.inner_html()
    page.wait_for_function("old => document.querySelector('#curves svg').innerHTML !== old", arg=curve, timeout=WAIT)
    assert not page.locator("#gradients .body").is_visible()
    assert page.locator("details#weights").get_attribute("open") is None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_the_button_stops_the_training_and_the_page_becomes_the_report(page: Any, training: Training) -> None:
    page.goto(training.url)
    wait_for_epoch(page, 1)
    page.get_by_role("button", name="Stop training").click()
    wait_for_state(page, "The training has ended")
    assert training.ended() == 130
    assert "run/report.html" in page.locator("#live-state").inner_text()
    assert not page.get_by_role("button", name="Stop training").is_visible()
    assert "Confusion matrix" in page.locator("#test").inner_text()
    assert page.locator("#timing svg").count() == 1
    assert page.title() == "run: report"
    assert (training.folder / "run" / "report.html").is_file()


def test_a_page_that_is_opened_during_the_training_sees_its_end(page: Any, training: Training) -> None:
    page.goto(training.url)
    wait_for_epoch(page, 1)
    training.process.send_signal(signal.SIGINT)
    wait_for_state(page, "The training has ended")
    assert training.ended() == 130


def test_a_training_that_is_killed_is_not_called_ended(watch: Any, training: Training) -> None:
    page = watch.page
    watch.expect(LOST)
    page.goto(training.url)
    wait_for_epoch(page, 1)
    training.kill()
    wait_for_state(page, "Reconnecting…")
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 60000; }")
    wait_for_state(page, "the training may have been ended")


class Cable:
    """Passes a connection on, until it is cut."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.open: list[socket.socket] = []
        self.cut = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self.open += [near, far]
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        try:
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        raise ConnectionError
                    # The server answers to its own name only, as it should; the cable is no part of that.
                    swap = (str(self.port), str(self.target))
                    other[ready].sendall(data.replace(*(f":{n}".encode() for n in swap)) if ready is near else data)
        except (OSError, ValueError):
            near.close()
            far.close()

    def cut_all(self) -> None:
        self.cut = True
        for one in self.open:
            one.close()
        self.open.clear()


def test_a_dropped_connection_is_taken_up_again(watch: Any, training: Training) -> None:
    page = watch.page
    watch.expect(LOST)
    cable = Cable(training.port)
    page.goto(f"http://127.0.0.1:{cable.port}/")
    wait_for_epoch(page, 1)
    cable.cut_all()
    wait_for_state(page, "The connection is lost. Reconnecting…")
    before = done(page)
    cable.cut = False
    wait_for_epoch(page, before + 1)
    wait_for_state(page, "Training.")
    cable.listener.close()


def test_a_narrow_live_page_is_usable(narrow: Any, training: Training) -> None:
    narrow.goto(training.url)
    wait_for_epoch(narrow, 1)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
    narrow.get_by_role("button", name="Stop training").click()
    wait_for_state(narrow, "The training has ended")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_short_training_tells_its_end(page: Any, tmp_path: Path) -> None:
    training = Training(tmp_path, 400)
    try:
        page.goto(training.url)
        wait_for_state(page, "all epochs are done")
        assert training.ended() == 0
        assert page.locator("#live-epochs").inner_text() == "400 of 400 epochs"
    finally:
        training.kill()
