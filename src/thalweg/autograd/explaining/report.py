"""An Explanation as text and as HTML."""

from __future__ import annotations

import html as markup
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .findings import Blame, Explanation, Finding

__all__ = ["groups", "html", "text"]

WIDTH = 100
SHOWN = 6  # parameters of one group that are named

WORDS = {
    "missing": "no gradient",
    "zero": "gradient is 0",
    "tiny": "gradient is tiny",
    "huge": "gradient is huge",
    "nan": "gradient is NaN",
    "infinite": "gradient is infinite",
}

_STYLE = """<style>
.tw-explain { font: 13px/1.45 system-ui, sans-serif; margin: 0.5em 0; }
.tw-explain table { border-collapse: collapse; }
.tw-explain caption { text-align: left; font-weight: 600; padding: 0.3em 0; }
.tw-explain th, .tw-explain td { text-align: left; vertical-align: top; padding: 0.4em 0.8em;
  border-bottom: 1px solid rgba(128, 128, 128, 0.4); }
.tw-explain td:first-child, .tw-explain code { white-space: nowrap; }
.tw-explain code { font: 12px ui-monospace, monospace; }
.tw-explain .what { opacity: 0.8; }
@media (max-width: 600px) { .tw-explain th { display: none; } .tw-explain td { display: block; border: 0; }
  .tw-explain tr { border-bottom: 1px solid rgba(128, 128, 128, 0.4); display: block; } }
</style>"""


def groups(explanation: Explanation) -> list[tuple[str, Blame, list[Finding]]]:
    """The findings with the same symptom and blame together."""
    found: dict[tuple[str, Blame], list[Finding]] = {}
    for finding in explanation.findings:
        found.setdefault((finding.symptom, finding.blame), []).append(finding)
    return [(symptom, blame, findings) for (symptom, blame), findings in found.items()]


def heading(explanation: Explanation) -> str:
    """One sentence for all."""
    n, count = len(explanation.findings), explanation.count
    if not count:
        return "The model has no parameters that are to learn."
    if not n:
        return f"All {count} parameters have a gradient that they can learn from."
    return f"{n} of {count} parameters have no gradient that they can learn from."


def named(findings: list[Finding]) -> list[str]:
    """The parameters with shapes and sizes of their gradients, as many as fit."""
    lines = []
    for f in findings[:SHOWN]:
        size = f" (rms {f.size:.1e})" if f.size is not None and f.symptom in ("tiny", "huge") else ""
        lines.append(f"{f.parameter} {list(f.shape)}{size}")
    if len(findings) > SHOWN:
        lines.append(f"and {len(findings) - SHOWN} more")
    return lines


def where(blame: Blame) -> str:
    """The operation with its place: "relu at net.py:12 in encoder.1 (ReLU)"."""
    words = [blame.op] if blame.op else []
    words += [f"at {blame.line}"] if blame.line else []
    words += [f"in {blame.module}"] if blame.module else []
    return " ".join(words)


def text(explanation: Explanation) -> str:
    """The explanation in sentences."""
    lines = [heading(explanation)]
    for symptom, blame, findings in groups(explanation):
        lines.append("")
        lines += _wrapped(f"{WORDS[symptom]}: {', '.join(named(findings))}", "", "    ")
        place = where(blame)
        lines += _wrapped(f"{place}: {blame.reason}" if place else blame.reason, "  ", "    ")
        if blame.suggestion:
            lines += _wrapped(f"-> {blame.suggestion}", "  ", "     ")
    for note in explanation.notes:
        lines += ["", *_wrapped(note, "", "")]
    return "\n".join(lines)


def _wrapped(words: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        words, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def html(explanation: Explanation) -> str:
    """The explanation as a table."""
    rows = "".join(_row(*group) for group in groups(explanation))
    head = "<thead><tr><th>Gradient</th><th>Parameters</th><th>Why</th></tr></thead>" if rows else ""
    notes = "".join(f"<p>{_escaped(note)}</p>" for note in explanation.notes)
    caption = f"<caption>{_escaped(heading(explanation))}</caption>"
    return f'{_STYLE}<div class="tw-explain"><table>{caption}{head}<tbody>{rows}</tbody></table>{notes}</div>'


def _row(symptom: str, blame: Blame, findings: list[Finding]) -> str:
    parameters = "<br>".join(f"<code>{_escaped(name)}</code>" for name in named(findings))
    place = where(blame)
    why = f"<code>{_escaped(place)}</code><br>" if place else ""
    why += _escaped(blame.reason)
    if blame.suggestion:
        why += f'<br><span class="what">\u2192 {_escaped(blame.suggestion)}</span>'
    return f"<tr><td>{_escaped(WORDS[symptom])}</td><td>{parameters}</td><td>{why}</td></tr>"


def _escaped(words: str) -> str:
    return markup.escape(words, quote=False)
