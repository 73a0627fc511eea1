"""What the pages of reports are made of. Text is escaped here; only ``Html`` is taken as it is."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ...viz import Picture
from .data import as_number

__all__ = [
    "Html",
    "beside",
    "facts",
    "figure",
    "folded",
    "grid",
    "items",
    "joined",
    "number",
    "paragraph",
    "picture",
    "table",
    "tag",
]

_NUMERIC = re.compile(r"[-−]?[\d,]+(\.\d+)?(e-?\d+)?( %)?|–")
_PNG = b"\x89PNG\r\n\x1a\n"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def markup(content: object) -> Html:
    """Anything as HTML: text is escaped, ``Html`` stays as it is.

    >>> markup("a < b"), markup(Html("<b>c</b>"))
    ('a &lt; b', '<b>c</b>')
    """
    return content if isinstance(content, Html) else Html(escape(str(content)))


def joined(parts: Iterable[object]) -> Html:
    """Pieces one after the other, each on a line of its own."""
    return Html("\n".join(markup(part) for part in parts if part != ""))


def tag(name: str, content: object = "", **attributes: object) -> Html:
    """An element. A trailing underscore of an attribute's name goes, other underscores become hyphens; None and False
    leave it out, True gives it no value.

    >>> tag("a", "1 < 2", href="#x", class_="near")
    '<a href="#x" class="near">1 &lt; 2</a>'
    """
    return Html(f"<{name}{_attributes(attributes)}>{markup(content)}</{name}>")


def _attributes(attributes: Mapping[str, object]) -> str:
    written = []
    for name, value in attributes.items():
        name = name.rstrip("_").replace("_", "-")
        if value is True:
            written.append(f" {name}")
        elif value is not None and value is not False:
            written.append(f' {name}="{escape(str(value))}"')
    return "".join(written)


def paragraph(text: object, kind: str | None = None) -> Html:
    """A paragraph."""
    return tag("p", text, class_=kind)


def items(texts: Iterable[object]) -> Html:
    """A list."""
    return tag("ul", joined(tag("li", text) for text in texts))


def figure(content: Picture) -> Html:
    """A chart; the page has its style sheet."""
    return tag("figure", Html(content.svg(style=False)), class_="scroll")


def grid(figures: Iterable[object]) -> Html:
    """Figures side by side where there is room."""
    return tag("div", joined(figures), class_="figures")


def beside(parts: Iterable[object]) -> Html:
    """Tables and pictures one beside the other, as long as there is room."""
    return tag("div", joined(parts), class_="beside")


def folded(title: object, content: object, key: str, *, open: bool = False) -> Html:
    """What opens with a click on its title; ``key`` is its id, by which it is known again after an update."""
    return tag("details", joined([tag("summary", title), content]), id=key, open=open)


def table(head: Sequence[object], rows: Iterable[Sequence[object]], caption: str, *, kind: str | None = None) -> Html:
    """A table with a header, whose first column names the rows. It scrolls where the page is too narrow."""
    lines = [tag("tr", joined(tag("th", cell, scope="col") for cell in head))] if head else []
    body = [tag("tr", joined([tag("th", row[0], scope="row"), *(_cell(cell) for cell in row[1:])])) for row in rows]
    parts = [tag("caption", caption), tag("thead", joined(lines)) if lines else "", tag("tbody", joined(body))]
    inner = tag("table", joined(parts), class_=kind)
    return tag("div", inner, class_="scroll", tabindex="0", role="group", aria_label=caption)


def _cell(content: object) -> Html:
    if isinstance(content, Html) and content.startswith("<td"):
        return content
    numeric = _NUMERIC.fullmatch(str(content)) is not None
    return tag("td", content, class_="number" if numeric else None)


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names and what belongs to them."""
    return tag("dl", joined(tag("div", joined([tag("dt", name), tag("dd", value)])) for name, value in pairs))


def number(value: Any, digits: int = 4) -> str:
    """A number for a reader; a dash for what is none.

    >>> number(0.123456), number(1234567), number(None), number(3.0)
    ('0.1235', '1,234,567', '–', '3')
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    found = as_number(value)
    return "–" if found != found else f"{found:.{digits}g}"


def picture(levels: Sequence[Sequence[int]], description: str, size: int = 72) -> Html:
    """Rows of grey levels, 0 white to 255 black, as an image that the page carries within itself."""
    height, width = len(levels), len(levels[0])
    source = "data:image/png;base64," + base64.b64encode(png(levels)).decode()
    return Html(
        f'<img class="pixels" src="{source}" alt="{escape(description)}" width="{size}" '
        f'height="{round(size * height / width)}">'
    )


def png(levels: Sequence[Sequence[int]]) -> bytes:
    """A PNG file of rows of grey levels, 0 white to 255 black (PNG specification, third edition: W3C 2025)."""
    height, width = len(levels), len(levels[0])
    rows = b"".join(b"\0" + bytes(255 - min(max(int(level), 0), 255) for level in row) for row in levels)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
