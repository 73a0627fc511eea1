"""Less memory for more time, under PyTorch's name of the module; see ``autograd.recomputation``."""

from __future__ import annotations

from ..autograd.recomputation import CheckpointError, checkpoint, checkpoint_sequential, noop_context_fn

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn"]
