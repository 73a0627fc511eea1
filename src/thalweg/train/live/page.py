"""The live page: the report, with a line that says how far the training is, and a button that stops it."""

from __future__ import annotations

from functools import cache
from importlib import resources

from ..report.page import shell
from ..report.pieces import Html, joined, tag
from ..report.sections import SECTIONS
from .feed import Live

__all__ = ["live_page"]

REFRESH = '<noscript><meta http-equiv="refresh" content="5"></noscript>\n'  # where there is no script


def live_page(live: Live, token: str) -> str:
    """The page as it is now, for a browser that will ask for what changes."""
    status = live.update()[0]
    name, held = status["name"], status["parts"]
    share = {"value": status["done"], "max": status["epochs"]} if status["epochs"] else {}
    banner = tag("div", joined([
        tag("p", status["sentence"], id="live-state", role="status"),
        tag("progress", f"{status['done']} of {status['epochs']} epochs", id="live-progress",
            aria_label="Epochs", **share),
        tag("span", f"{status['done']:,} of {status['epochs']:,} epochs", id="live-epochs"),
        tag("button", "Stop training", id="live-stop", type="button", disabled=status["state"] == "ended"),
    ]), id="live", class_="live", data_token=token)  # fmt: skip
    sections = [(section.key, section.title, held.get(section.key, Html(""))) for section in SECTIONS]
    return shell(f"{name}: training", name, sections, banner=banner, script=_script(), head=REFRESH)


@cache
def _script() -> str:
    return resources.files(__package__).joinpath("live.js").read_text(encoding="utf-8")
