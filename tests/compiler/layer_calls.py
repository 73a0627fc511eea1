"""Calls of layers, as in calls.py: functions of two float64 tensors x and y of shape (3, 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import thalweg as tw
from thalweg import nn

F = nn.functional
Call = Callable[[Any, Any], Any]
tw.manual_seed(5)


class Trained:
    """A layer called on what ``of`` makes of x and y: its output, the gradients by its parameters, its buffers."""

    def __init__(self, layer: nn.Module, *of: Callable[[Any, Any], Any], **kwargs: Any) -> None:
        self.layer, self.of, self.kwargs = layer.double(), of, kwargs
        self.state = {name: value.clone() for name, value in layer.state_dict().items()}

    def __call__(self, x: Any, y: Any) -> Any:
        self.layer.load_state_dict(self.state)
        result = self.layer(*(make(x, y) for make in self.of), **self.kwargs)
        first = result
        while not isinstance(first, tw.Tensor):
            first = first[0]
        parameters = [p for p in self.layer.parameters() if p.requires_grad]
        loss = (first * first + first).sum()
        gradients = tw.autograd.grad(loss, parameters, retain_graph=True) if parameters else ()
        return [result, *gradients, *(b.clone() for b in self.layer.buffers())]


def image(x: Any, y: Any) -> Any:
    """(1, 2, 3, 4)."""
    return tw.stack([x, y])[None]


def images(x: Any, y: Any) -> Any:
    """(2, 2, 3, 4)."""
    return tw.stack([tw.stack([x, y]), tw.stack([y * 2, x - 1])])


def series(x: Any, y: Any) -> Any:
    """(2, 3, 4)."""
    return tw.stack([x, y])


def volume(x: Any, y: Any) -> Any:
    """(1, 2, 2, 3, 4)."""
    return images(x, y)[None]


def first(x: Any, y: Any) -> Any:
    """x itself."""
    return x


def places(x: Any, y: Any) -> Any:
    """Integers below 5."""
    return PLACES


PLACES = tw.tensor([[0, 4, 2], [2, 2, 1]])
HIDDEN = tw.tensor([[False, False, True, False], [False, True, False, False], [False, False, False, False]])
CAUSAL = nn.Transformer.generate_square_subsequent_mask(2, dtype=tw.float64)


def packed(x: Any, y: Any) -> Any:
    return nn.utils.rnn.pack_padded_sequence(series(x, y).transpose(0, 1), [1, 3], enforce_sorted=False)


LAYERS: dict[str, Call] = {
    "Conv1d": Trained(nn.Conv1d(3, 4, 2, padding="same"), series),
    "Conv2d": Trained(nn.Conv2d(2, 4, 2, stride=2, padding=1, groups=2), images),
    "Conv2d circular": Trained(nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular", dilation=1), images),
    "Conv3d": Trained(nn.Conv3d(2, 2, 2), volume),
    "ConvTranspose1d": Trained(nn.ConvTranspose1d(3, 2, 3, stride=2, output_padding=1), series),
    "ConvTranspose2d": Trained(nn.ConvTranspose2d(2, 4, 3, padding=1, groups=2), images),
    "ConvTranspose3d": Trained(nn.ConvTranspose3d(2, 1, 2, stride=2), volume),
    "Unfold": Trained(nn.Unfold(2, padding=1), images),
    "Fold": Trained(nn.Fold((3, 4), (1, 2)), lambda x, y: tw.cat([x, y, x[:, :1]], 1).reshape(3, 9)[:2]),
    "MaxPool": lambda x, y: [
        F.max_pool1d(series(x, y), 2, return_indices=True), F.max_pool2d(images(x, y), 2, 1, 1, ceil_mode=True),
        F.max_pool3d(volume(x, y), 2), F.adaptive_max_pool2d(images(x, y), 2, return_indices=True),
    ],
    "AvgPool": lambda x, y: [
        F.avg_pool1d(series(x, y), 3, 2, 1), F.avg_pool2d(images(x, y), 2, padding=1, count_include_pad=False),
        F.avg_pool3d(volume(x, y), 2, divisor_override=3), F.adaptive_avg_pool2d(images(x, y), (2, 3)),
        F.adaptive_avg_pool1d(x, 1), F.lp_pool2d(images(x, y).abs() + 0.1, 2, 2),
    ],
    "MaxUnpool": lambda x, y: F.max_unpool2d(*F.max_pool2d(image(x, y)[..., :2, :], 2, return_indices=True), 2),
    "padding": lambda x, y: [
        nn.ReflectionPad2d(1)(images(x, y)), nn.ReplicationPad1d((2, 1))(x), nn.CircularPad2d(2)(images(x, y)),
        nn.ZeroPad2d((1, -1, 0, 2))(images(x, y)), nn.ConstantPad1d(1, 3.0)(x),
    ],
    "interpolate": lambda x, y: [
        F.interpolate(series(x, y), 7, mode="linear"), F.interpolate(images(x, y), scale_factor=2),
        F.interpolate(images(x, y), (5, 3), mode="bilinear", align_corners=True),
        F.interpolate(images(x, y), (5, 3), mode="bicubic"), F.interpolate(images(x, y), (2, 2), mode="area"),
        F.interpolate(images(x, y), (2, 3), mode="bilinear", antialias=True), F.interpolate(volume(x, y), (3, 4, 5)),
        F.interpolate(volume(x, y), (3, 4, 5), mode="trilinear"),
    ],
    "channels": lambda x, y: [
        F.pixel_shuffle(images(x, y).reshape(1, 4, 3, 4), 2), F.pixel_unshuffle(image(x, y)[:, :, :2], 2),
        F.channel_shuffle(images(x, y), 2),
    ],
    **{f"BatchNorm2d {a}": Trained(nn.BatchNorm2d(2, **a), images)
       for a in ({}, {"momentum": None}, {"affine": False}, {"track_running_stats": False})},
    "BatchNorm1d eval": Trained(nn.BatchNorm1d(4).eval(), first),
    "InstanceNorm2d": Trained(nn.InstanceNorm2d(2, affine=True, track_running_stats=True), images),
    "LayerNorm": Trained(nn.LayerNorm((3, 4)), series), "RMSNorm": Trained(nn.RMSNorm(4), series),
    "GroupNorm": Trained(nn.GroupNorm(2, 2), images), "LocalResponseNorm": Trained(nn.LocalResponseNorm(2), images),
    **{f"Embedding {a}": Trained(nn.Embedding(5, 3, **a), places)
       for a in ({}, {"padding_idx": 2}, {"max_norm": 0.8}, {"scale_grad_by_freq": True})},
    **{f"EmbeddingBag {m}": Trained(nn.EmbeddingBag(5, 3, mode=m, padding_idx=1), places) for m in ("sum",
      "mean", "max")},
    "EmbeddingBag offsets": Trained(nn.EmbeddingBag(5, 3), lambda x, y: PLACES.flatten(), lambda x,
      y: tw.tensor([0, 2])),
    "weighted bags": lambda x, y: F.embedding_bag(PLACES, x.T[:, :2].repeat(2, 1), mode="sum",
      per_sample_weights=y[:2, :3]),
    "RNN": Trained(nn.RNN(4, 3, nonlinearity="relu"), series), "GRU": Trained(nn.GRU(4, 3, 2,
      batch_first=True), series),
    "LSTM": Trained(nn.LSTM(4, 3, bidirectional=True), series),
    "LSTM projected": Trained(nn.LSTM(4, 3, proj_size=2), series), "LSTM packed": Trained(nn.LSTM(4, 3), packed),
    "cells": lambda x, y: [cell(x) for cell in CELLS],
    "attention": lambda x, y: [
        F.scaled_dot_product_attention(x, y, y), F.scaled_dot_product_attention(x, x, y, is_causal=True),
        F.scaled_dot_product_attention(x[:, :2], y[:, :2], x, attn_mask=HIDDEN[:, :3]),
        F.scaled_dot_product_attention(x[:, :2], y[:, :2], x, attn_mask=~HIDDEN[:, 1:2] & HIDDEN[:, :3]),
        F.scaled_dot_product_attention(images(x, y), image(x, y)[:, :1], image(x, y)[:, :1], enable_gqa=True),
        F.scaled_dot_product_attention(x, y, x, dropout_p=0.3),
    ],
    "MultiheadAttention": Trained(nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True), series,
      series, series),
    "MultiheadAttention lean": Trained(
        nn.MultiheadAttention(4, 2, batch_first=True), series, series, series, need_weights=False,
        key_padding_mask=HIDDEN[:2, :3],
    ),
    "TransformerEncoderLayer": Trained(nn.TransformerEncoderLayer(4, 2, 6, 0.1), series, src_mask=CAUSAL,
      is_causal=True),
    "Transformer": Trained(nn.Transformer(4, 2, 1, 1, 6, 0.0, norm_first=True), series, series),
    "weight_norm": Trained(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), first),
    "spectral_norm": Trained(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)), first),
    "older norms": Trained(nn.utils.spectral_norm(nn.Linear(4, 3)), first),
    "older weight norm": Trained(nn.utils.weight_norm(nn.Linear(4, 3)), first),
    "AdaptiveLogSoftmax": Trained(nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4]), first, lambda x,
      y: tw.tensor([0, 5, 2])),
    "ctc_loss": lambda x, y: F.ctc_loss(series(x, y).transpose(0, 1).log_softmax(2), PLACES[:, 1:2] % 3 + 1,
      [3, 2], [1, 1]),
    "triplets": lambda x, y: F.triplet_margin_with_distance_loss(x, y, x * 2 + 1, swap=True),
}  # fmt: skip
CELLS = [cell.double() for cell in (nn.RNNCell(4, 3), nn.LSTMCell(4, 3), nn.GRUCell(4, 3))]
