"""A picture in a page together with data and a short script of its own."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["scripted"]

# The script finds the first place of its name that no script has taken: one picture may be shown several times.
_SCRIPT = """
(function () {{
  const root = document.querySelector('[data-{kind}="{name}"]:not([data-ready])');
  root.dataset.ready = '';
  const svg = root.querySelector('svg');
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
{script}}})();
"""


def scripted(kind: str, content: str, data: Any, script: str) -> str:
    """HTML with ``content``, in which an SVG is, and a script that finds ``root``, ``svg`` and ``data`` defined.

    Args:
        kind: what the picture is, in small letters.
        content: elements of the page.
        data: for the script, as JSON.
        script: JavaScript that stands in a function of its own.

    >>> "const root" in scripted("diagram", "<svg></svg>", [1, 2], "  svg.focus();\\n")
    True
    """
    held = json.dumps(data).replace("</", "<\\/")
    name = hashlib.sha256((content + held).encode()).hexdigest()[:12]
    return (
        f'<div class="tw-{kind}" data-{kind}="{name}" style="overflow-x: auto">\n{content}'
        f'<script type="application/json">{held}</script>\n'
        f"<script>{_SCRIPT.format(kind=kind, name=name, script=script)}</script>\n</div>\n"
    )
