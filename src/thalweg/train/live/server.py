"""The server of a live page: on this machine only, with events from the server and a way to stop the training.

    GET  /        the page
    GET  /events  what changes, as server-sent events (HTML standard, section 9.2)
    POST /stop    stops the training; needs the token that is in the page

A page of another site can't use it: requests whose Host is not this server are refused (a name that was made to point
to 127.0.0.1 is not), so are those that come from another origin, and stopping needs the token.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socketserver
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from ...errors import RunError
from .feed import Live
from .page import live_page

__all__ = ["LiveServer"]

LOOPBACK = "127.0.0.1"
INTERVAL = 1.0  # seconds between two events at least
SHARE = 50  # times as long as an event took to draw, at least, until the next: drawing takes 2 % of the time
LONGEST = 10.0  # seconds that a page waits for news at most
PING = 10.0  # seconds without news, after which a line says that the connection holds
PATIENCE = 3.0  # seconds that the end of a training waits for its watchers to be told
SILENCE = 30.0  # seconds that a client may take to send its request
BODY = 1024  # bytes of a request's body
STREAMS = 16  # watchers at once
SWITCH = (
    0.0005  # seconds that the training waits for the interpreter while a thread draws; Python's own choice is 0.005
)


class LiveServer:
    """Serves a live run from its own threads while the block lasts; at its end watchers are told.

    Args:
        live: what is shown.
        port: None takes a free one.

    Raises:
        RunError: the port is taken.
    """

    def __init__(self, live: Live, port: int | None = None) -> None:
        self.live = live
        self.token = secrets.token_urlsafe(24)
        try:
            self._http = _Http(self, port or 0)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise RunError(
                f"port {port} of {LOOPBACK} can't be used: {reason}; leave --port out for a free one"
            ) from None
        self.port: int = self._http.server_address[1]
        self.hosts = frozenset(f"{name}:{self.port}" for name in (LOOPBACK, "localhost"))
        self.watched_at = 0.0  # when an event was last sent or a page asked for, by time.monotonic
        self._streams = 0
        self._told = False  # whether any watcher knows of the end
        self._lock = threading.Condition()
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="thalweg watch", daemon=True
        )

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.port}/"

    def __enter__(self) -> Self:
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH, self._switch))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live.state != "ended":
            self.live.end(error=error)
        self._wait_for_watchers()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        sys.setswitchinterval(self._switch)

    def _wait_for_watchers(self) -> None:
        """Give those who watch, or have just lost their connection, the time to learn of the end."""
        deadline = time.monotonic() + PATIENCE
        with self._lock:
            if self.watched_at > time.monotonic() - PATIENCE or self._streams:
                self._lock.wait_for(lambda: self._told and not self._streams, deadline - time.monotonic())

    def open_stream(self) -> bool:
        """Count a watcher; False if there are too many."""
        with self._lock:
            if self._streams >= STREAMS:
                return False
            self._streams += 1
            return True

    def close_stream(self, told: bool) -> None:
        """A watcher has gone, and may have been told of the end."""
        with self._lock:
            self._streams -= 1
            self._told = self._told or told
            self._lock.notify_all()


class _Http(ThreadingHTTPServer):
    """The threads of a ``LiveServer``."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere that would let others take the port over

    def __init__(self, owner: LiveServer, port: int) -> None:
        self.owner = owner
        super().__init__((LOOPBACK, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking for the machine's name, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news; anything else is a mistake of ours that must not end the training."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            sys.stderr.write(f"thalweg: the live page failed: {type(error).__name__}: {error}\n")


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: _Http
    timeout = SILENCE
    server_version = "thalweg"
    sys_version = ""

    def do_GET(self) -> None:
        if not self._is_ours():
            return
        path = self.path.partition("?")[0]
        if path == "/":
            owner = self.server.owner
            owner.watched_at = time.monotonic()
            self._send(HTTPStatus.OK, live_page(owner.live, owner.token), "text/html; charset=utf-8")
        elif path == "/events":
            self._events()
        elif path == "/stop":
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "stopping takes a POST", Allow="POST")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here but the page at /")

    def do_POST(self) -> None:
        if not self._is_ours():
            return
        if self.path != "/stop":
            known = self.path in ("/", "/events")
            status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
            self._refuse(status, "only /stop takes a POST", **({"Allow": "GET"} if known else {}))
            return
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            self._refuse(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
        elif len(length) > 9 or int(length) > BODY or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {BODY} bytes at most")
        elif not hmac.compare_digest(
            self.headers.get("X-Thalweg-Token", "").encode(), self.server.owner.token.encode()
        ):
            self._refuse(HTTPStatus.FORBIDDEN, "the token in the page is missing or wrong")
        elif not self.server.owner.live.stop():
            self._refuse(HTTPStatus.CONFLICT, "the training has ended already")
        else:
            self._send(HTTPStatus.ACCEPTED, "stopping\n", "text/plain; charset=utf-8")

    def _other(self) -> None:
        if self._is_ours():
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"{self.command} is not known here", Allow="GET, POST")

    do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_TRACE = do_CONNECT = _other  # noqa: N815

    def _is_ours(self) -> bool:
        """Whether the request was meant for this server and comes from its own page, or from no page."""
        owner = self.server.owner
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if host.lower() not in owner.hosts:
            self._refuse(HTTPStatus.FORBIDDEN, f"the page is at {owner.url} only")
        elif origin is not None and origin.lower() not in {f"http://{name}" for name in owner.hosts}:
            self._refuse(HTTPStatus.FORBIDDEN, "requests from other pages are refused")
        else:
            return True
        return False

    def _events(self) -> None:
        """Send what changes until the training ends or the client goes away."""
        owner = self.server.owner
        if not owner.open_stream():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{STREAMS} pages watch already")
            return
        told = False
        try:
            self.send_response(HTTPStatus.OK)
            self._headers("text/event-stream; charset=utf-8")
            self.end_headers()
            self._write("retry: 1000\n\n")
            self._stream(owner)
            told = True
        finally:
            owner.close_stream(told)

    def _stream(self, owner: LiveServer) -> None:
        live = owner.live
        seen = self._last_seen()
        sent: dict[str, str] = {}
        while True:
            version = live.wait(seen, PING)
            if version == seen and live.state != "ended":
                self._write(": still here\n\n")
                continue
            update, seconds = live.update()
            changed = {key: html for key, html in update["parts"].items() if sent.get(key) != html}
            kind = "end" if update["state"] == "ended" else "update"
            seen, sent = update["version"], update["parts"]
            self._write(f"event: {kind}\nid: {seen}\ndata: {json.dumps({**update, 'parts': changed})}\n\n")
            owner.watched_at = time.monotonic()
            if kind == "end":
                return
            live.rest(min(max(INTERVAL, SHARE * seconds), LONGEST))

    def _last_seen(self) -> int:
        """The version that a client had when its connection broke; -1 if it has none."""
        last = self.headers.get("Last-Event-ID", "")
        return int(last) if last.isascii() and last.isdigit() and len(last) < 19 else -1

    def _send(self, status: HTTPStatus, text: str, kind: str, **headers: str) -> None:
        body = text.encode()
        self.send_response(status)
        self._headers(kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, why: str, **headers: str) -> None:
        self._send(status, f"{status.phrase}: {why}\n", "text/plain; charset=utf-8", **headers)

    def _headers(self, kind: str) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")

    def _write(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal shows the training."""
