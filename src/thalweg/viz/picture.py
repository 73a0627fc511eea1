"""What every picture can do: show itself in a notebook, and be saved as SVG, HTML or PNG."""

from __future__ import annotations

import hashlib
import os
from html import escape
from pathlib import Path

from ..errors import ArgumentError, DependencyError
from ..io import write_atomically
from .style import Theme, stylesheet

__all__ = ["Picture"]

SCALE = 2.0  # pixels of a PNG for one of the SVG


class Picture:
    """A picture with a title and a description in words, drawn as SVG.

    Subclasses set ``title``, ``description``, ``width`` and ``height`` (pixels), and give ``body()``, the SVG elements.
    """

    title: str
    description: str
    width: float
    height: float

    def body(self) -> str:
        """The elements between the tags of the SVG; they use the classes of ``style`` and no ids."""
        raise NotImplementedError

    def svg(self, theme: Theme = "auto", *, style: bool = True) -> str:
        """The picture as SVG text.

        Args:
            theme: "light", "dark", or "auto", as the page or the system prefers.
            style: whether to bring the style sheet along; a page with several pictures needs it once.
        """
        body = self.body()
        name = "tw" + hashlib.sha256((self.title + self.description + body).encode()).hexdigest()[:10]
        w, h = (f"{x:g}" for x in (self.width, self.height))
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tw" viewBox="0 0 {w} {h}" width="{w}" height="{h}"',
            f' role="img" aria-labelledby="{name}-title {name}-desc">',
            f'<title id="{name}-title">{escape(self.title)}</title>',
            f'<desc id="{name}-desc">{escape(self.description)}</desc>',
            f"<style>{stylesheet(theme)}</style>" if style else "",
            body,
            "</svg>",
        ]
        return "\n".join(part for part in parts if part) + "\n"

    def html(self, theme: Theme = "auto") -> str:
        """The picture as a page of its own, one self-contained file."""
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(self.title)}</title>\n<style>\nbody {{ margin: 1rem; }}\n"
            "svg.tw { max-width: 100%; height: auto; }\n</style>\n</head>\n<body>\n"
            f"{self._repr_html_() if theme == 'auto' else self.svg(theme)}\n</body>\n</html>\n"
        )

    def __repr__(self) -> str:
        return f"{self.title}: {self.description}"

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return self.svg()

    def save(self, path: str | os.PathLike[str], *, theme: Theme | None = None, scale: float = SCALE) -> Path:
        """Write the picture to a file, as its name says: ``.svg``, ``.html`` or ``.png``.

        Args:
            path: the file; what it held before is replaced, once the new one is complete.
            theme: "light", "dark" or "auto"; a PNG is light unless this says dark.
            scale: of a PNG: its pixels for one pixel of the SVG.

        Raises:
            ArgumentError: the name ends in something else.
            DependencyError: a PNG is asked for and the extra ``viz`` is not installed.
        """
        path = Path(path)
        kind = path.suffix.lower()
        data: str | bytes
        if kind == ".svg":
            data = self.svg(theme or "auto")
        elif kind in (".html", ".htm"):
            data = self.html(theme or "auto")
        elif kind == ".png":
            data = self.png("dark" if theme == "dark" else "light", scale)
        else:
            raise ArgumentError(f"save: {path.name!r} should end in .svg, .html or .png, which says what to write")
        write_atomically(path, data)
        return path

    def png(self, theme: Theme = "light", scale: float = SCALE) -> bytes:
        """The picture as the bytes of a PNG file, drawn by resvg."""
        try:
            import resvg_py
        except ImportError:
            raise DependencyError("a PNG needs resvg: pip install 'thalweg[viz]'; SVG and HTML need nothing") from None
        return bytes(resvg_py.svg_to_bytes(svg_string=self.svg(theme), zoom=scale, background=None))
