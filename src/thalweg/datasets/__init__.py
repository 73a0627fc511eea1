"""Data sets: digits inside the package, and readers for the files that data comes in.

``thalweg.datasets`` is imported on its own; ``import thalweg`` does not load it.
"""

from __future__ import annotations

from .tables import Table, read_table

__all__ = ["Table", "read_table"]
