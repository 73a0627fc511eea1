"""Data sets: digits inside the package, and readers for the files that data comes in.

``thalweg.datasets`` is imported on its own; ``import thalweg`` does not load it.
"""

from __future__ import annotations

from .digits import Digits
from .idx import IDXDataset, read_idx
from .images import ImageFolder, image_to_tensor
from .rows import TableDataset
from .tables import Table, read_table

__all__ = [
    "Digits",
    "IDXDataset",
    "ImageFolder",
    "Table",
    "TableDataset",
    "image_to_tensor",
    "read_idx",
    "read_table",
]
