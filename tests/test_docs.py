"""The documents keep their word: their code runs and prints what they say, and what they link to exists.

The Python blocks of one document run one after the other, as a reader would paste them. A ``text`` block right after
a Python block is what that block prints; ``...`` in it stands for anything.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import thalweg as tw

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n*```text\n(?P<output>.*?)^```$)?", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
CORNER = re.compile(r"^\| `(.*?)` \|(.*)\|$", re.MULTILINE)
CORNERS = CORNER.findall(
    (ROOT / "docs" / "autograd.md").read_text(encoding="utf-8").partition("## Safe derivatives")[2]
)
LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass
class Block:
    """A piece of code, the output it promises (None: nothing is promised), and the line where it begins."""

    code: str
    output: str | None
    line: int


def blocks_of(text: str) -> list[Block]:
    return [Block(m["code"], m["output"], text.count("\n", 0, m.start()) + 2) for m in BLOCK.finditer(text)]


def run_block(block: Block, name: str, names: dict[str, Any]) -> None:
    """Run one block; ``names`` carries what the blocks before it defined."""
    if block.code.lstrip().startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(block.code, names, name, name, block.line - 1)
        test.globs = names
        assert doctest.DocTestRunner(optionflags=LOOSE).run(test, clear_globs=False).failed == 0
        return
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.code, name, "exec")  # so that an error names the document's line
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    if block.output is not None and not doctest.OutputChecker().check_output(block.output, printed.getvalue(), LOOSE):
        pytest.fail(
            f"{name}, line {block.line}: printed\n{printed.getvalue()}instead of\n{block.output}", pytrace=False
        )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_code_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tw.manual_seed(0)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(path.read_text(encoding="utf-8")):
        run_block(block, path.name, names)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    missing = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()]
    assert missing == []


def test_every_document_is_linked_from_the_index() -> None:
    linked = set(LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"} <= linked


@pytest.mark.parametrize("name", ["run", "test"])
def test_readme_marks_its_two_commands_on_one_line_each(name: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(re.findall(rf"^<!-- command: {name} -->\n```bash\n[^\n]+\n```$", text, re.MULTILINE)) == 1


@pytest.mark.parametrize("dtype", [tw.float32, tw.float64], ids=str)
@pytest.mark.parametrize(("expression", "numbers"), CORNERS)
def test_corner_derivatives_are_those_of_the_table(expression: str, numbers: str, dtype: tw.dtype) -> None:
    at, *expected = (float(number) for number in numbers.split("|"))
    x = tw.tensor(at, dtype=dtype, requires_grad=True)
    y = eval(expression, vars(tw) | {"x": x, "inf": math.inf})
    (dy,) = tw.autograd.grad(y, x, create_graph=True)
    d2y = tw.autograd.grad(dy, x, allow_unused=True)[0] if dy.requires_grad else None
    found = [y.item(), dy.item(), 0.0 if d2y is None else d2y.item()]
    assert found == pytest.approx(expected, rel=1e-6, abs=0, nan_ok=True)


def test_layers_are_those_of_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    lines = [line for line in picture.splitlines() if not line.startswith(" ")]  # others go on with the text
    drawn = [line.split("   ")[0].removeprefix("thalweg.") for line in lines]
    assert drawn == [layer.replace("thalweg.", "") for layer in contract]


def test_blocks_are_found_with_their_output() -> None:
    text = "x\n```python\nprint(1)\n```\n\n```text\n1\n```\n```python\ny = 2\n```\n"
    assert blocks_of(text) == [Block("print(1)\n", "1\n", 3), Block("y = 2\n", None, 10)]


def test_wrong_output_is_noticed() -> None:
    with pytest.raises(pytest.fail.Exception, match="example, line 1: printed\n2\ninstead of\n1"):
        run_block(Block("print(2)", "1\n", 1), "example", {})
