"""Modules: layers, containers, losses, and the functions and initialisations behind them."""

from __future__ import annotations

from . import functional as functional
from . import init as init
from . import modules as modules
from . import parallel as parallel
from . import parameter as parameter
from . import utils as utils
from .activations import *  # noqa: F403
from .adaptive_softmax import *  # noqa: F403
from .attention import *  # noqa: F403
from .containers import *  # noqa: F403
from .convolution import *  # noqa: F403
from .distance import *  # noqa: F403
from .dropout import *  # noqa: F403
from .embedding import *  # noqa: F403
from .flatten import *  # noqa: F403
from .lazy import *  # noqa: F403
from .linear import *  # noqa: F403
from .losses import *  # noqa: F403
from .margin_losses import *  # noqa: F403
from .module import *  # noqa: F403
from .normalization import *  # noqa: F403
from .padding import *  # noqa: F403
from .parallel import *  # noqa: F403
from .parameter import *  # noqa: F403
from .parameter_containers import *  # noqa: F403
from .pooling import *  # noqa: F403
from .prototypes import *  # noqa: F403
from .recurrent import *  # noqa: F403
from .resampling import *  # noqa: F403
from .transformer import *  # noqa: F403
