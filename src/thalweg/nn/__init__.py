"""Modules: layers, containers, losses, and the functions and initialisations behind them."""

from __future__ import annotations

import typing as _typing

from ..missing import Missing as _Missing
from . import functional as functional
from . import init as init
from . import parameter as parameter
from . import utils as utils
from .activations import *  # noqa: F403
from .containers import *  # noqa: F403
from .distance import *  # noqa: F403
from .dropout import *  # noqa: F403
from .flatten import *  # noqa: F403
from .linear import *  # noqa: F403
from .losses import *  # noqa: F403
from .margin_losses import *  # noqa: F403
from .module import *  # noqa: F403
from .parameter import *  # noqa: F403
from .parameter_containers import *  # noqa: F403
from .prototypes import *  # noqa: F403

if not _typing.TYPE_CHECKING:  # a type checker would take every name for one that exists
    __getattr__ = _Missing(__name__)
