"""The functions of this package that PyTorch also has in its top package, and so thalweg."""

from __future__ import annotations

from .activations import (
    celu,
    celu_,
    hardshrink,
    prelu,
    rrelu,
    rrelu_,
    selu,
    selu_,
    threshold,
    threshold_,
)
from .adaptive_pooling import adaptive_avg_pool1d
from .convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from .dropout import alpha_dropout, dropout, feature_alpha_dropout
from .linear import bilinear, cosine_similarity, pairwise_distance
from .normalization import group_norm, layer_norm, rms_norm
from .pooling import avg_pool1d, max_pool1d, max_pool2d, max_pool3d
from .resampling import channel_shuffle, pixel_shuffle, pixel_unshuffle

__all__ = [
    "adaptive_avg_pool1d", "alpha_dropout", "avg_pool1d", "bilinear", "celu", "celu_", "channel_shuffle", "conv1d",
    "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_similarity", "dropout",
    "feature_alpha_dropout", "group_norm", "hardshrink", "layer_norm", "max_pool1d", "max_pool2d", "max_pool3d",
    "pairwise_distance", "pixel_shuffle", "pixel_unshuffle", "prelu", "rms_norm", "rrelu", "rrelu_",
    "selu", "selu_", "threshold", "threshold_",
]  # fmt: skip
