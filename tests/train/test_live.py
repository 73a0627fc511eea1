"""A training that is watched: its server's answers, its events, and how it is stopped."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from thalweg.errors import RunError
from thalweg.io import load_file
from thalweg.train.gauges import Histogram, Snapshot
from thalweg.train.interrupt import Interruption
from thalweg.train.live import Live, LiveServer, server

from .pages import Page

SETTINGS = {
    "format": 1,
    "layers": [2, 3, 1],
    "options": {"epochs": 9, "lr": 0.1, "batch_size": 4},
    "rows": {"train": 4, "validation": 2, "test": 2},
    "target": {"task": "regression", "name": "<b>y</b>", "mean": 0.0, "scale": 1.0},
    "preprocessing": {"features": []},
}


def metrics(epoch):
    norms = {"0.weight": 1.0, "0.bias": 0.5}
    return {
        "epoch": epoch, "train_loss": 1 / epoch, "validation_loss": 2 / epoch, "validation_score": 3 / epoch, "lr": 0.1,
        "samples": 4, "seconds": 0.1, "samples_per_second": 40.0, "train_score": 0.5,
        "gradient_norms": norms, "weight_norms": norms, "update_norms": norms,
    }  # fmt: skip


def snapshot(epoch):
    histogram = Histogram.of(np.arange(10.0))
    return Snapshot(epoch, {"0.weight": histogram}, {"0": histogram}, {"0": 0.0})


class Watched:
    """A live run without a training, and its server."""

    def __init__(self, live, serving, stops):
        self.live = live
        self.server = serving
        self.stops = stops

    def request(self, method="GET", path="/", body=None, token=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            headers["X-Thalweg-Token"] = token
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, path, body=body, headers=headers)
        return connection.getresponse()

    def raw(self, data):
        """The first line of the answer to bytes that need not be HTTP."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").readline().decode("latin-1")

    @contextmanager
    def events(self, **headers):
        answer = self.request(path="/events", **headers)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        yield read_events(answer)
        answer.close()


def read_events(answer):
    """(kind, id, data) of one event after the other."""
    held = {}
    for line in answer:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            held[name] = value
        elif "data" in held:
            yield held["event"], int(held["id"]), json.loads(held["data"])
            held = {}


@pytest.fixture
def watched(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "INTERVAL", 0.05)
    monkeypatch.setattr(server, "PATIENCE", 0.1)
    stops = []
    live = Live(lambda: stops.append(1))
    with LiveServer(live) as serving:
        live.begin(tmp_path / "run", SETTINGS)
        yield Watched(live, serving, stops)


# -- the page ---------------------------------------------------------------------------------------------


def test_the_page_is_there_before_the_training_begins(monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 0.1)
    live = Live(lambda: None)
    with LiveServer(live) as serving:
        page = Watched(live, serving, []).request().read().decode()
    assert "The training has not begun." in Page(page).texts["curves"]
    assert Page(page).problems == []


def test_the_page_shows_the_run_as_it_is(watched):
    watched.live.epoch(metrics(1), [snapshot(1)])
    watched.live.epoch(metrics(2), [snapshot(1)])
    answer = watched.request()
    page = Page(answer.read().decode())
    assert answer.status == 200
    assert page.problems == []
    assert page.outside == []
    assert "2 of 9 epochs" in page.texts["live"]
    assert "Gradient norm by layer" in page.texts["gradients"]
    assert "layer 1: weight" in page.texts["histograms"]
    assert "comes when the training has ended" in page.texts["test"]
    assert "<b>y" not in page.source
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_server_is_on_this_machine_only(watched):
    assert watched.server._http.server_address[0] == "127.0.0.1"
    assert watched.server.url == f"http://127.0.0.1:{watched.server.port}/"


def test_a_port_can_be_chosen_and_a_taken_one_is_refused(watched):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with LiveServer(Live(lambda: None), port) as serving:
        assert serving.port == port
        with pytest.raises(RunError, match=rf"port {port} of 127\.0\.0\.1 can't be used: .*; leave --port out"):
            LiveServer(Live(lambda: None), port)


# -- events -----------------------------------------------------------------------------------------------


def test_events_bring_what_changes(watched):
    with watched.events() as events:
        kind, first, update = next(events)
        assert kind == "update"
        assert update["done"] == 0
        assert {"curves", "settings", "histograms", "machine"} <= set(update["parts"])
        watched.live.epoch(metrics(1), [])
        kind, second, update = next(events)
        assert (kind, update["done"], update["epochs"], update["state"]) == ("update", 1, 9, "running")
        assert second > first
        assert "curves" in update["parts"]
        assert not {"settings", "histograms", "machine", "network"} & set(update["parts"])  # they are as they were
        watched.live.epoch(metrics(2), [snapshot(2)])
        assert "histograms" in next(events)[2]["parts"]


def test_many_epochs_at_once_make_few_events(watched):
    with watched.events() as events:
        next(events)
        for epoch in range(1, 2001):
            watched.live.epoch(metrics(epoch), [])
        seen = [next(events)]
        while seen[-1][2]["done"] < 2000:
            seen.append(next(events))
    assert len(seen) < 100


def test_a_dropped_connection_goes_on_where_it_was(watched):
    with watched.events() as events:
        _, version, _ = next(events)
    asked = threading.Event()
    found = []

    def again():
        with watched.events(Last_Event_ID=str(version)) as events:
            asked.set()
            found.append(next(events))

    thread = threading.Thread(target=again)
    thread.start()
    assert asked.wait(10)
    time.sleep(0.2)
    assert not found  # nothing is new
    watched.live.epoch(metrics(1), [])
    thread.join(10)
    assert found[0][2]["done"] == 1
    assert "settings" in found[0][2]["parts"]  # the page may have been loaded anew in between


@pytest.mark.parametrize("last", ["x", "-3", "9" * 40, ""])
def test_a_last_event_that_was_never_sent_gets_everything(watched, last):
    with watched.events(Last_Event_ID=last) as events:
        assert next(events)[0] == "update"


def test_the_end_is_told_and_closes_the_stream(watched):
    with watched.events() as events:
        next(events)
        watched.live.end(error=KeyboardInterrupt())
        kind, _, update = next(events)
        assert kind == "end"
        assert update["sentence"] == "The training has ended without a result: it was stopped."
        assert next(events, None) is None
    assert not watched.live.stop()


def test_an_end_says_why_there_is_no_result(watched):
    watched.live.end(error=RunError("the loss became <nan>;\nlower --lr"))
    page = Page(watched.request().read().decode())
    assert "without a result: the loss became <nan>; lower --lr." in page.texts["live-state"]
    assert page.problems == []


def test_an_end_survives_a_folder_that_has_gone(watched, tmp_path):
    watched.live.epoch(metrics(1), [])
    watched.live.end(tmp_path / "gone")
    page = Page(watched.request().read().decode())
    assert "its folder could not be read" in page.texts["live-state"]
    assert "there is no run folder" in page.texts["summary"]
    assert "Loss" in page.texts["curves"]


def test_a_client_that_goes_away_harms_nothing(watched):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", watched.server.port)) as connection:
            connection.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{watched.server.port}\r\n\r\n".encode())
            connection.recv(10)
    for epoch in range(1, 4):
        watched.live.epoch(metrics(epoch), [])
        time.sleep(0.1)
    assert watched.request().status == 200
    deadline = time.monotonic() + 10
    while watched.server._streams and time.monotonic() < deadline:
        watched.live.epoch(metrics(9), [])
        time.sleep(0.05)
    assert watched.server._streams == 0


def test_too_many_watchers_are_refused(watched, monkeypatch):
    monkeypatch.setattr(server, "STREAMS", 1)
    with watched.events() as events:
        next(events)
        answer = watched.request(path="/events")
        assert answer.status == 503
        assert b"watch already" in answer.read()


# -- stopping ---------------------------------------------------------------------------------------------


def test_the_token_of_the_page_stops_the_training(watched):
    page = Page(watched.request().read().decode())
    (token,) = (held["data-token"] for held in page.attributes("div") if "data-token" in held)
    assert watched.request("POST", "/stop", token=token).status == 202
    assert watched.stops == [1]
    assert watched.live.state == "stopping"
    assert watched.request("POST", "/stop", token=token, body=b"{}").status == 202
    watched.live.end()
    assert watched.request("POST", "/stop", token=token).status == 409


@pytest.mark.parametrize("token", [None, "", "x", "ü".encode().decode("latin-1"), "a" * 5000])
def test_without_the_token_nothing_is_stopped(watched, token):
    assert watched.request("POST", "/stop", token=token).status == 403
    assert watched.stops == []


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "",
    ],
)
def test_other_names_of_the_server_are_refused(watched, host):
    host = host.format(port=watched.server.port)
    for method, path in (("GET", "/"), ("GET", "/events"), ("POST", "/stop")):
        assert watched.request(method, path, token=watched.server.token, Host=host).status == 403
    assert watched.stops == []


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1"])
def test_other_origins_are_refused(watched, origin):
    origin = origin.format(port=watched.server.port)
    assert watched.request("POST", "/stop", token=watched.server.token, Origin=origin).status == 403
    assert watched.request("GET", "/", Origin=origin).status == 403
    assert watched.stops == []


def test_its_own_names_and_origins_are_taken(watched):
    port = watched.server.port
    answer = watched.request("GET", "/", Host=f"localhost:{port}")
    assert answer.status == 200
    answer = watched.request("POST", "/stop", token=watched.server.token, Origin=f"http://localhost:{port}")
    assert answer.status == 202


# -- requests that are wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404), ("GET", "/../etc/passwd", 404), ("GET", "/stop", 405), ("POST", "/", 405),
        ("POST", "/events", 405), ("POST", "/x", 404), ("PUT", "/", 405), ("DELETE", "/stop", 405), ("HEAD", "/", 405),
        ("OPTIONS", "/stop", 405), ("PATCH", "/", 405), ("GET", "/?query=1", 200),
    ],
)  # fmt: skip
def test_paths_and_methods(watched, method, path, status):
    answer = watched.request(method, path)
    assert answer.status == status
    if status != 200 and method != "HEAD":
        assert answer.read().decode().endswith("\n")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Length: x", 400), ("Content-Length: -1", 400), ("Content-Length: 1025", 413),
        (f"Content-Length: {'9' * 400}", 413), ("Transfer-Encoding: chunked", 413), ("Content-Length: ٣", 400),
    ],
)  # fmt: skip
def test_bodies_that_are_too_large_or_of_no_size(watched, headers, status):
    lines = ["POST /stop HTTP/1.1", f"Host: 127.0.0.1:{watched.server.port}", headers]
    lines.append(f"X-Thalweg-Token: {watched.server.token}")
    assert f" {status} " in watched.raw("\r\n".join([*lines, "", ""]).encode())
    assert watched.stops == []


NO_REQUESTS = [
    b"", b"\r\n\r\n", b"hello\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"FLY / HTTP/1.1\r\n\r\n",
    b"\0" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET " + b"x" * 70_000,
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"GET / HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("data", NO_REQUESTS)
def test_what_is_no_request_kills_nothing(watched, data, capfd):
    line = watched.raw(data)
    assert " 200 " not in line
    assert watched.request().status == 200
    watched.live.epoch(metrics(1), [])
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


# -- the whole command ------------------------------------------------------------------------------------


@pytest.fixture
def sigint():
    """A background job ignores SIGINT, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(folder, *options):
    command = [sys.executable, "-m", "thalweg", "train", "digits", "--out", "run", "--watch", *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    found = re.fullmatch(r"watch at http://127\.0\.0\.1:(\d+)/\n", line)
    assert found, line + process.stderr.read()
    return process, int(found[1])


def test_a_training_is_watched_and_stopped(tmp_path, sigint):
    process, port = start(tmp_path, "--epochs", "1000000")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    token = re.search(r'data-token="([^"]+)"', connection.getresponse().read().decode())[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/events")
    events = read_events(connection.getresponse())
    done = 0
    while done < 2:
        done = next(events)[2]["done"]
    other = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    other.request("POST", "/stop", headers={"X-Thalweg-Token": token})
    assert other.getresponse().status == 202
    *_, (kind, _, last) = events
    assert kind == "end"
    assert "stopped before its end" in last["sentence"]
    assert "Confusion matrix" in last["parts"]["test"]
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.startswith("thalweg: stopped in epoch ")
    assert "report.html" in stdout
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["result"]["ended"] == "stopped"
    assert len(load_file(tmp_path / "run" / "model.safetensors")) == 6
    assert "stopped before its end" in Page((tmp_path / "run" / "report.html").read_text()).texts["summary"]
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_training_that_no_one_watches_ends_at_once(tmp_path):
    start_time = time.monotonic()
    process, _ = start(tmp_path, "--epochs", "1")
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (0, "")
    assert (tmp_path / "run" / "report.html").is_file()
    assert time.monotonic() - start_time < 25


def test_watched_weights_are_the_same_to_the_bit(thalweg):
    thalweg.table("t.csv", **thalweg.linear_columns(40))
    for out, options in (("a", ["--watch"]), ("b", [])):
        thalweg("train", "t.csv", "--target", "y", "--epochs", 3, "--out", out, *options)
    a, b = ((thalweg.folder / out / "model.safetensors").read_bytes() for out in "ab")
    assert a == b


def test_a_stop_before_the_first_step_leaves_nothing(thalweg, monkeypatch):
    monkeypatch.setattr(Interruption, "requested", lambda self: True)
    thalweg.table("t.csv", **thalweg.linear_columns(20))
    before = thalweg.files()
    result = thalweg("train", "t.csv", "--target", "y", "--watch", code=130)
    assert result.stderr == "thalweg: stopped before there was anything to save\n"
    assert thalweg.files() == before


def test_options_that_do_not_fit(thalweg):
    thalweg.table("t.csv", **thalweg.linear_columns(20))
    assert "--port belongs to --watch" in thalweg.refused("train", "digits", "--port", 8000)
    assert "0 is not in the range" in thalweg.refused("train", "digits", "--watch", "--port", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = thalweg.refused("train", "t.csv", "--target", "y", "--watch", "--port", port)
    assert line.startswith(f"port {port} of 127.0.0.1 can't be used: ")
