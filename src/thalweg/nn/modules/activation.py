"""PyTorch's name of the file of activations, in which attention stands too."""

from __future__ import annotations

from ..activations import *  # noqa: F403
from ..attention import MultiheadAttention as MultiheadAttention
