"""The operators and methods of Tensor. Importing this puts them on the class; ``core.tensor`` stands below the ops."""

from __future__ import annotations

from .attach import TensorMethods

__all__ = ["TensorMethods"]
