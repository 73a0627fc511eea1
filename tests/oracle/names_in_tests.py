"""Which test of this folder reaches a name in both libraries: found in the tests' syntax trees."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

HERE = Path(__file__).parent
LIBRARIES = {"tw", "torch"}


@functools.cache
def _names() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """By file: the dotted names that it reaches in both libraries or in either, and the strings of its lists."""
    chains, strings = {}, {}
    for file in sorted(set(HERE.glob("test_*_oracle.py")) - {HERE / "test_coverage_oracle.py"}):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        chains[file.name] = _reached(tree)
        strings[file.name] = _strings(tree)
    return chains, strings


def _strings(tree: ast.AST) -> set[str]:
    """The strings of a file but those of sets, which hold what is left out."""
    left_out = {id(e) for n in ast.walk(tree) if isinstance(n, ast.Set) for e in n.elts}
    constants = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in left_out)
    return {n.value for n in constants if isinstance(n.value, str)}


def _reached(tree: ast.AST) -> set[str]:
    """``m.nn.ReLU`` as "nn.ReLU"; of names after ``tw.`` those that stand after ``torch.`` too."""
    of: dict[str, set[str]] = {"tw": set(), "torch": set(), "": set()}
    short = {
        n.targets[0].id: _chain(n.value)[1]
        for n in ast.walk(tree)
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) and isinstance(n.value, ast.Attribute)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root, chain = _chain(node)
            names = {chain} if root in LIBRARIES else {chain, f"{short.get(root, root)}.{chain}"}
            of[root if root in LIBRARIES else ""] |= names
    return of[""] | (of["tw"] & of["torch"])


def _chain(node: ast.Attribute) -> tuple[str, str]:
    """The name at the root ("" if it is no name), and the attributes after it with dots."""
    parts = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute):
        parts.insert(0, value.attr)
        value = value.value
    return (value.id if isinstance(value, ast.Name) else ""), ".".join(parts)


def file_of(space: str, name: str) -> str:
    """The first test that reaches it, or names it as a string; "" if there is none."""
    chains, strings = _names()
    last = space.rpartition(".")[2]
    wanted = {f"{space}.{name}", f"{last}.{name}"} if space not in ("", "Tensor") else {name}
    wanted |= {name} if name[0].isupper() else set()  # of a package that goes by the name of an argument
    for file, reached in chains.items():
        if wanted & reached or (space == "Tensor" and any(c.endswith(f".{name}") for c in reached)):
            return file
    for file, words in strings.items():
        if name in words or (space and f"{space}.{name}" in words):
            return file
    return ""
