"""The functions behind the layers and losses, under the names of ``torch.nn.functional``."""

from __future__ import annotations
