"""PyTorch's names of the files that layers stand in, for code that imports from these.

``from thalweg.nn.modules.conv import _ConvNd`` finds it in ``nn/convolution.py``. New code imports from ``thalweg.nn``.
"""

from __future__ import annotations

import sys

from .. import (
    adaptive_softmax,
    containers,
    convolution,
    distance,
    dropout,
    embedding,
    flatten,
    lazy,
    linear,
    losses,
    module,
    normalization,
    padding,
    pooling,
    recurrent,
    resampling,
    transformer,
)
from ..activations import *  # noqa: F403
from ..adaptive_softmax import *  # noqa: F403
from ..attention import *  # noqa: F403
from ..containers import *  # noqa: F403
from ..convolution import *  # noqa: F403
from ..distance import *  # noqa: F403
from ..dropout import *  # noqa: F403
from ..embedding import *  # noqa: F403
from ..flatten import *  # noqa: F403
from ..lazy import *  # noqa: F403
from ..linear import *  # noqa: F403
from ..losses import *  # noqa: F403
from ..margin_losses import *  # noqa: F403
from ..module import *  # noqa: F403
from ..normalization import *  # noqa: F403
from ..padding import *  # noqa: F403
from ..parameter_containers import *  # noqa: F403
from ..pooling import *  # noqa: F403
from ..recurrent import *  # noqa: F403
from ..resampling import *  # noqa: F403
from ..transformer import *  # noqa: F403
from . import activation as activation
from . import utils as utils

_PLACES = {
    "adaptive": adaptive_softmax, "batchnorm": normalization, "channelshuffle": resampling,
    "container": containers, "conv": convolution, "distance": distance, "dropout": dropout, "flatten": flatten,
    "fold": convolution, "instancenorm": normalization, "lazy": lazy, "linear": linear, "loss": losses,
    "module": module, "normalization": normalization, "padding": padding, "pixelshuffle": resampling,
    "pooling": pooling, "rnn": recurrent, "sparse": embedding, "transformer": transformer, "upsampling": resampling,
}  # fmt: skip
for _name, _place in _PLACES.items():
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _place
