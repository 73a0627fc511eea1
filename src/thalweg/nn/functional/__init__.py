"""The functions behind the layers and losses, under the names of ``torch.nn.functional``."""

from __future__ import annotations

import typing as _typing

from ...missing import Missing as _Missing
from .activations import *  # noqa: F403
from .class_losses import *  # noqa: F403
from .dropout import *  # noqa: F403
from .linear import *  # noqa: F403
from .losses import *  # noqa: F403
from .margin_losses import *  # noqa: F403

if not _typing.TYPE_CHECKING:  # a type checker would take every name for one that exists
    __getattr__ = _Missing(__name__)
