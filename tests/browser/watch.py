"""What a page must not do: log errors, raise exceptions, or ask the network for anything."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

LOCAL_SCHEMES = ("about", "blob", "data", "file")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_local(url: str) -> bool:
    """Whether a request stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in LOCAL_SCHEMES or parts.hostname in LOOPBACK


class Watch:
    """Notes what a page does that it must not, and stops requests to other machines."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.route(lambda url: not is_local(url), self._refuse)

    def expect(self, pattern: str) -> None:
        """Complaints that match are part of the test."""
        self._expected.append(re.compile(pattern))

    def check(self) -> None:
        """Raise if anything was complained of that was not expected."""
        left = [text for text in self.complaints if not any(e.search(text) for e in self._expected)]
        assert left == [], "the page complained:\n" + "\n".join(left)

    def _on_console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _refuse(self, route: Any) -> None:
        self.complaints.append(f"request: {route.request.url}")
        route.abort()
