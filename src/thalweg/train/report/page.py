"""A page: one file that holds all it needs, readable without scripts, in light and dark, and on paper."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from html import escape
from importlib import resources

from ...version import __version__
from ...viz.style import DARK, LIGHT, stylesheet
from .data import RunData
from .pieces import Html, joined, tag
from .sections import SECTIONS, contents

__all__ = ["asset", "policy", "report_page", "shell"]

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def report_page(run: RunData) -> str:
    """The report of a run."""
    held = contents(run)
    sections = [(section.key, section.title, held[section.key]) for section in SECTIONS]
    return shell(f"{run.name}: report", run.name, sections)


def shell(
    title: str,
    heading: str,
    sections: list[tuple[str, str, Html]],
    *,
    banner: object = "",
    script: str = "",
    head: str = "",
) -> str:
    """A page of sections that fold, with a table of contents.

    Args:
        title: of the page.
        heading: above all.
        sections: for each its id, its title and what it holds.
        banner: stands between heading and contents.
        script: runs besides that of all pages.
        head: further elements of the page's head.
    """
    links = joined(tag("li", tag("a", name, href=f"#{key}")) for key, name, _ in sections)
    body = joined([
        tag("a", "Skip to the report", href="#main", class_="skip"),
        tag("header", joined([tag("h1", heading), banner])),
        tag("nav", joined([tag("h2", "Contents"), tag("ul", links)]), aria_label="Contents"),
        tag("main", joined(_section(*section) for section in sections), id="main"),
        tag("footer", tag("p", f"thalweg {__version__}")),
        Html(f"<script>{asset('report.js')}{script}</script>"),
    ])  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(body)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<link rel="icon" href="data:,">\n{head}<title>{escape(title)}</title>\n<style>\n'
        f"{_style()}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def policy(body: str) -> str:
    """What a browser may do with a page: run its own scripts, and ask nothing of anyone but the page's server."""
    hashes = {base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in _SCRIPT.findall(body)}
    scripts = " ".join(f"'sha256-{found}'" for found in sorted(hashes)) or "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'"
    )


def _section(key: str, title: str, content: Html) -> Html:
    heading = tag("summary", tag("h2", title, id=f"{key}-title"))
    held = tag("div", content, class_="body", data_part=key)
    inner = tag("details", joined([heading, held]), open=True)
    return tag("section", inner, id=key, aria_labelledby=f"{key}-title")


@cache
def asset(name: str) -> str:
    """The text of a file of this package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    """The style sheet of the page and of all pictures on it."""
    light, dark = (_variables(colours) for colours in (LIGHT, DARK))
    themes = f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    return themes + asset("report.css") + stylesheet()


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
