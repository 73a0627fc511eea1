"""Layers of convolution, pooling, padding, resampling, normalisation and embedding beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Case, In, Layer, idx, pos

NAN, INF = float("nan"), float("inf")
F = "nn.functional."
SPATIAL: dict[int, tuple[int, ...]] = {1: (7,), 2: (5, 6), 3: (4, 3, 5)}
DISTINCT = {
    n: np.random.default_rng(n).permutation(2 * 3 * int(np.prod(s))).reshape(2, 3, *s) / 7.0 for n, s in SPATIAL.items()
}


def ranked(axes: int) -> In:
    """A batch without equal elements, differentiated by all the same."""
    x = In(2, 3, *SPATIAL[axes])
    x.values, x.grad = DISTINCT[axes], True
    return x


def image(axes: int, channels: int = 4, n: int | None = 2) -> In:
    return In(*(() if n is None else (n,)), channels, *SPATIAL[axes])


CONVOLUTIONS: list[dict[str, Any]] = [
    {}, {"stride": 2}, {"padding": 1}, {"padding": "same", "dilation": 2}, {"padding": "valid", "dilation": 2},
      {"groups": 2},
    {"bias": False, "padding": 2, "stride": 3}, {"padding": "same", "dilation": 2, "padding_mode": "circular"},
    {"padding": 1, "padding_mode": "reflect"}, {"padding": 1, "padding_mode": "replicate", "groups": 2, "stride": 2},
]  # fmt: skip
TRANSPOSED: list[dict[str, Any]] = [
    {}, {"stride": 2, "output_padding": 1}, {"padding": 1}, {"groups": 2, "dilation": 2}, {"bias": False, "stride": 3},
    {"dilation": 2, "output_padding": 1, "padding": 1},
]  # fmt: skip
POOLS: list[dict[str, Any]] = [
    {}, {"stride": 1}, {"padding": 1}, {"ceil_mode": True}, {"ceil_mode": True, "padding": 1, "stride": 3},
]  # fmt: skip
NORMS: list[dict[str, Any]] = [{}, {"affine": False}, {"eps": 0.1}]
BATCH_NORMS: list[dict[str, Any]] = [
    *NORMS, {"momentum": None}, {"momentum": 0.5, "track_running_stats": False},
]  # fmt: skip

CASES = [
    # -- convolution
    *[Layer(f"nn.Conv{n}d", 4, 6, 3 if n < 3 else 2, inputs=[image(n)], **a) for n in (1, 2, 3) for a in CONVOLUTIONS
      if not (n == 3 and a.get("padding_mode") == "circular")],
    *[Layer(f"nn.Conv{n}d", 4, 2, 2, inputs=[image(n, n=None)]) for n in (1, 2, 3)],
    Layer("nn.Conv2d", 4, 8, (3, 2), stride=(2, 1), padding=(0, 1), dilation=(1, 2), groups=4, inputs=[image(2)]),
    *[Layer(f"nn.ConvTranspose{n}d", 4, 6, 3, inputs=[image(n)], **a) for n in (1, 2, 3) for a in TRANSPOSED],
    *[Layer(f"nn.ConvTranspose{n}d", 4, 2, 2, inputs=[image(n, n=None)]) for n in (1, 2, 3)],
    Layer("nn.ConvTranspose2d", 4, 2, 3, stride=2, inputs=[image(2)], call={"output_size": [12, 14]}),
    *[Case(f"{F}conv{n}d", image(n), In(2, 4, *(2,) * n), In(2)) for n in (1, 2, 3)],
    *[Case(f"{F}conv_transpose{n}d", image(n), In(4, 2, *(2,) * n), In(2)) for n in (1, 2, 3)],
    Case(f"{F}conv2d", In(0, 4, 5, 6), In(2, 4, 2, 2)),
    Case(f"{F}unfold", image(2), (2, 3), padding=1, stride=2), Case(f"{F}unfold", image(2, n=None), 2, dilation=2),
    Case(f"{F}fold", In(2, 12, 20), (5, 6), (2, 2)), Case(f"{F}fold", In(12, 9), (5, 6), 2, stride=2, padding=(1, 0)),
    Layer("nn.Unfold", 2, 1, 1, 2, inputs=[image(2)]), Layer("nn.Fold", (5, 6), 2, inputs=[In(2, 12, 20)]),
    *[Case(f"conv{n}d", image(n), In(2, 4, *(2,) * n), In(2)) for n in (1, 2, 3)],
    *[Case(f"conv_transpose{n}d", image(n), In(4, 2, *(2,) * n), In(2)) for n in (1, 2, 3)],
    # -- other functions of the top package
    *[Case(f"max_pool{n}d", ranked(n), 2) for n in (1, 2, 3)], Case("avg_pool1d", image(1), 2),
    Case("adaptive_avg_pool1d", image(1), 2), Case("bilinear", In(3, 2), In(3, 4), In(5, 2, 4), In(5)),
    Case("pairwise_distance", In(3, 4), In(3, 4)), Case("cosine_similarity", In(3, 4), In(3, 4)),
    Case("pdist", In(4, 3), order=1), Case("pixel_shuffle", In(4, 2, 2), 2), Case("pixel_unshuffle", In(1, 4, 4), 2),
    Case("channel_shuffle", In(2, 4, 3), 2), Case("prelu", In(3, 4), In(4)), Case("celu", In(3, 4)),
    Case("selu", In(3, 4)), Case("threshold", In(3, 4), 0.1, 2.0), Case("hardshrink", In(3, 4)),
    Case("rrelu", In(3, 4)), Case("layer_norm", In(3, 4), (4,), In(4)), Case("group_norm", image(1), 2),
    Case("rms_norm", In(3, 4), (4,)), Case("dropout", In(3, 4), 0.5, False), Case("alpha_dropout", In(3), 0.5, False),
    Case("feature_alpha_dropout", In(3, 4), 0.5, False),
    *[Case(f"{n}_", In(values=[[-1.5, 0.5], [3.0, -0.2]]), order=0) for n in ("relu", "selu", "celu", "rrelu")],
    Case("threshold_", In(values=[-1.5, 0.5]), 0.1, 7.0),
    # -- pooling
    *[Layer(f"nn.MaxPool{n}d", 2 if n == 3 else 3, inputs=[ranked(n)], **a) for n in (1, 2, 3) for a in POOLS],
    *[Layer(f"nn.MaxPool{n}d", 2, dilation=2, stride=1, return_indices=True, inputs=[ranked(n)]) for n in (1, 2, 3)],
    *[Layer(f"nn.AvgPool{n}d", 2 if n == 3 else 3, inputs=[image(n)], **a) for n in (1, 2, 3) for a in POOLS],
    *[Layer(f"nn.AvgPool{n}d", 2, padding=1, count_include_pad=False, ceil_mode=True, inputs=[image(n, n=None)])
      for n in (1, 2, 3)],
    *[Layer(f"nn.AvgPool{n}d", 2, divisor_override=3, inputs=[image(n)]) for n in (2, 3)],
    *[Case(f"{F}max_pool{n}d", ranked(n), 2, return_indices=True) for n in (1, 2, 3)],
    *[Case(f"{F}max_pool{n}d_with_indices", ranked(n), 2, ceil_mode=True) for n in (1, 2, 3)],
    *[Case(f"{F}avg_pool{n}d", image(n), 2, 1) for n in (1, 2, 3)],
    Case(f"{F}max_pool1d", In(values=[[[-1.0, -2, 3, NAN, 1, NAN, 2, -INF, -INF, -INF]]]), 3, 1, return_indices=True),
    Case(f"{F}max_pool1d", In(values=[[[1.0, 1, 0, 1, 2, 2]]]), 3, 1, 1, return_indices=True),
    Case(f"{F}max_pool2d", In(values=[[[[1.0, 1, 0], [1, 2, 2], [NAN, 2, 0]]]]), 2, 1, return_indices=True),
    *[Layer(f"nn.Adaptive{k}Pool{n}d", size, inputs=[ranked(n)])
      for k in ("Avg", "Max") for n in (1, 2, 3) for size in (1, 2, 3)],
    *[Layer(f"nn.Adaptive{k}Pool2d", size, inputs=[ranked(2)]) for k in ("Avg", "Max") for size in ((None, 4), (7, 8))],
    *[Case(f"{F}adaptive_max_pool{n}d", ranked(n), 3, return_indices=True) for n in (1, 2, 3)],
    *[Case(f"{F}adaptive_max_pool{n}d_with_indices", ranked(n), 2) for n in (1, 2, 3)],
    *[Case(f"{F}adaptive_avg_pool{n}d", image(n, n=None), 3) for n in (1, 2, 3)],
    Case(f"{F}adaptive_avg_pool1d", In(values=[[1.0, INF, 2.0, 4.0, 5.0]]), 4),
    *[Layer(f"nn.LPPool{n}d", p, 2, inputs=[pos(2, 3, *SPATIAL[n])], ceil_mode=c)
      for n in (1, 2, 3) for p, c in ((2, False), (3.0, True), (1, False))],
    *[Case(f"{F}lp_pool{n}d", pos(2, 3, *SPATIAL[n]), 2.5, 2, stride=1) for n in (1, 2, 3)],
    Case(f"{F}lp_pool1d", ranked(1), INF, 2), Case(f"{F}lp_pool2d", ranked(2), -INF, 2),
    *[Layer(f"nn.MaxUnpool{n}d", 2, inputs=[In(2, *(2,) * n), idx(np.arange(2**n)[::-1].reshape(1,
      *(2,) * n) * np.ones((2, *(1,) * n)))])
      for n in (1, 2, 3)],
    Case(f"{F}max_unpool1d", In(1, 2), idx([[3, 0]]), 2, output_size=[5]),
    Case(f"{F}max_unpool2d", In(1, 1, 2, 2), idx([[[[0, 3], [8, 10]]]]), 2, output_size=(1, 1, 4, 5),
      memory_orders=False),
    Case(f"{F}max_unpool3d", In(1, 1, 1, 2), idx([[[[3, 9]]]]), 2, (2, 2, 2), 0),
    *[Case(f"{F}fractional_max_pool2d", ranked(2), k, **a, return_indices=True, _random_samples=In(2, 3, 2,
      low=0, high=1, grad=False), memory_orders=False)
      for k, a in ((2, {"output_size": (3, 4)}), ((1, 3), {"output_ratio": (0.5, 0.6)}), (2, {"output_size": (4, 5)}))],
    *[Case(f"{F}fractional_max_pool3d", ranked(3), 2, output_size=s, return_indices=True,
           _random_samples=In(2, 3, 3, low=0, high=1, grad=False), memory_orders=False) for s in ((2, 1, 3),
             (1, 1, 1))],
    # -- padding
    *[Layer(f"nn.{k}Pad{n}d", p, inputs=[image(n)])
      for k in ("Zero", "Reflection", "Replication", "Circular") for n in (1, 2, 3) for p in (1,
        tuple(range(2 * n))[::-1])
      if max(np.ravel(p)) < 3 or k in ("Zero", "Replication")],
    *[Layer(f"nn.ConstantPad{n}d", 2, -1.5, inputs=[image(n, n=None)]) for n in (1, 2, 3)],
    Layer("nn.ZeroPad2d", (-1, 2, 0, -2), inputs=[image(2)]),
    *[Case(f"{F}pad", In(2, 3, 4), w, mode=m) for m in ("reflect", "replicate", "circular") for w in ((1, 2),
      (0, 3), (2, 0))],
    *[Case(f"{F}pad", image(2), (2, 1, 0, 3), mode=m) for m in ("reflect", "replicate", "circular")],
    *[Case(f"{F}pad", image(2), (1, -1, -2, 1), mode=m) for m in ("constant", "reflect", "replicate", "circular")],
    Case(f"{F}pad", In(2, 3), (1, 2, 0, 1), "constant", 2.5), Case(f"{F}pad", In(2, 3), (1, 1), "replicate"),
    Case(f"{F}pad", In(3), (1, 2)), Case(f"{F}pad", In(0, 3), (1, 1)),
    # -- resampling
    *[Case(f"{F}interpolate", image(n), **s, mode=m) for n in (1, 2, 3) for m in ("nearest", "nearest-exact", "area")
      for s in ({"scale_factor": 2}, {"scale_factor": 1.7}, {"scale_factor": 0.6}, {"size": (9, 4, 3)[:n]})],
    *[Case(f"{F}interpolate", image(n), **s, mode=m, align_corners=c)
      for n, m in ((1, "linear"), (2, "bilinear"), (2, "bicubic"), (3, "trilinear")) for c in (False, True, None)
      for s in ({"scale_factor": 2}, {"scale_factor": 1.7}, {"scale_factor": 0.6}, {"size": (9, 4, 1)[:n]},
                {"scale_factor": 1.7, "recompute_scale_factor": True})],
    *[Case(f"{F}interpolate", image(2), size=s, mode=m, antialias=True, align_corners=c)
      for m in ("bilinear", "bicubic") for c in (False, True) for s in ((3, 4), (9, 2))],
    Case(f"{F}interpolate", image(2), scale_factor=0.6, mode="bicubic", antialias=True),
    *[Layer("nn.Upsample", inputs=[image(2)], **a) for a in (
        {"scale_factor": 2}, {"size": (3, 4)}, {"scale_factor": 1.5, "mode": "bilinear", "align_corners": True},
        {"size": 7, "mode": "bicubic"}, {"scale_factor": (2, 3)})],
    Layer("nn.UpsamplingNearest2d", scale_factor=2, inputs=[image(2)]),
    Layer("nn.UpsamplingBilinear2d", size=(4, 9), inputs=[image(2)]),
    Layer("nn.PixelShuffle", 2, inputs=[In(2, 8, 2, 3)]), Layer("nn.PixelUnshuffle", 2, inputs=[In(2, 3, 4, 6)]),
    Layer("nn.ChannelShuffle", 3, inputs=[In(2, 6, 2, 2)]),
    Case(f"{F}pixel_shuffle", In(2, 1, 9, 2, 2), 3), Case(f"{F}pixel_unshuffle", In(3, 6, 6), 3),
    Case(f"{F}channel_shuffle", In(2, 4, 3), 2),
    *[Case(f"{F}grid_sample", image(2, 2), In(2, 4, 3, 2, low=-1.6, high=1.6), mode=m, padding_mode=p, align_corners=c)
      for m in ("bilinear", "nearest", "bicubic") for p in ("zeros", "border", "reflection") for c in (False, True)],
    *[Case(f"{F}grid_sample", image(3, 2), In(2, 4, 1, 3, 3, low=-1.6, high=1.6), m, p, c, order=1)
      for m in ("bilinear", "nearest") for p in ("zeros", "border", "reflection") for c in (False, True)],
    *[Case(f"{F}affine_grid", In(2, n, n + 1), s, align_corners=c)
      for n, s in ((2, [2, 1, 3, 4]), (3, [2, 1, 2, 3, 2])) for c in (False, True)],
    # -- in place
    *[Case(f"{F}{n}_", In(values=[[-1.5, 0.5], [3.0, -0.2]]), order=0)
      for n in ("relu", "leaky_relu", "hardtanh", "elu", "selu", "celu")],
    Case(f"{F}threshold_", In(values=[-1.5, 0.5]), 0.1, 7.0), Case(f"{F}rrelu_", In(values=[-1.5, 0.5])),
    *[Case(f"{F}pdist", In(n, 3), p, order=1) for n in (1, 4) for p in (1.0, 2.0, 3.0)],
    # -- losses
    *[Case(f"{F}triplet_margin_with_distance_loss", In(3, 4), In(3, 4), In(3, 4), reduction=r, swap=s)
      for r in ("none", "mean", "sum") for s in (False, True)],
    *[Layer("nn.TripletMarginWithDistanceLoss", inputs=[In(3, 4), In(3, 4), In(3, 4)], margin=m) for m in (1.0, 0.3)],
    # -- normalisation
    *[Layer(f"nn.BatchNorm{n}d", 4, inputs=[image(n)], train=t, **a) for n in (1, 2, 3) for t in (True,
      False) for a in BATCH_NORMS],
    Layer("nn.BatchNorm1d", 4, inputs=[In(5, 4)]), Layer("nn.BatchNorm1d", 4, inputs=[In(5, 4)], bias=False),
    *[Layer(f"nn.InstanceNorm{n}d", 4, inputs=[image(n)], train=t, **a) for n in (1, 2, 3) for t in (True, False)
      for a in ({}, {"affine": True}, {"track_running_stats": True, "momentum": 0.3})],
    *[Layer(f"nn.InstanceNorm{n}d", 4, inputs=[image(n, n=None)], affine=True) for n in (1, 2, 3)],
    *[Layer("nn.LayerNorm", s, inputs=[In(2, 3, 4)], **a) for s in (4, (3, 4), [2, 3, 4])
      for a in ({}, {"elementwise_affine": False}, {"bias": False, "eps": 0.1})],
    *[Layer("nn.RMSNorm", s, inputs=[In(2, 3, 4)], **a) for s in (4, (3, 4)) for a in ({},
      {"elementwise_affine": False}, {"eps": 0.1})],
    *[Layer("nn.GroupNorm", g, 4, inputs=[x], **a) for g in (1, 2, 4) for x in (image(2), In(3, 4))
      for a in ({}, {"affine": False})
      if not (g == 4 and x.shape == (3, 4))],
    *[Layer("nn.LocalResponseNorm", k, inputs=[image(n)], alpha=0.5) for k in (2, 3) for n in (1, 2, 3)],
    Case(f"{F}batch_norm", image(1), In(4, grad=False), In(4, low=0.2, high=3.0, grad=False), In(4), In(4)),
    Case(f"{F}batch_norm", image(1), None, None, training=True),
    Case(f"{F}layer_norm", In(2, 3), (3,), In(3), In(3)), Case(f"{F}group_norm", image(1), 2, In(4)),
    Case(f"{F}instance_norm", image(1)), Case(f"{F}rms_norm", In(2, 3), (3,), In(3)),
    Case(f"{F}local_response_norm", image(2), 3, 0.5, 0.6, 2.0), Case(f"{F}layer_norm", In(0, 3), (3,)),
    # -- embedding
    *[Layer("nn.Embedding", 5, 3, inputs=[idx([[0, 4, 2], [2, 2, 1]])], order=o, **a) for o, a in (
        (2, {}), (2, {"padding_idx": 2}), (1, {"max_norm": 1.0}), (1, {"scale_grad_by_freq": True}), (2,
          {"padding_idx": -1}),
        (1, {"max_norm": 0.5, "norm_type": 1.0}))],
    Case(f"{F}embedding", idx(1), In(3, 2)), Case(f"{F}embedding", idx([[]]), In(3, 2)),
    *[Layer("nn.EmbeddingBag", 5, 3, mode=m, inputs=[idx([[0, 4, 2], [2, 2, 1]])], order=1, **a)
      for m in ("sum", "mean", "max") for a in ({}, {"padding_idx": 2}, {"max_norm": 1.0})],
    *[Layer("nn.EmbeddingBag", 5, 3, mode=m, inputs=[idx([0, 4, 2, 2, 1]), idx([0, 2, 2])], order=1, **a)
      for m in ("sum", "mean", "max") for a in ({}, {"padding_idx": 2}, {"include_last_offset": True})],
    Case(f"{F}embedding_bag", idx([0, 2, 1]), In(3, 2), idx([0, 1]), mode="sum", per_sample_weights=In(3), order=1),
    Case(f"{F}embedding_bag", idx([[0, 2], [1, 1]]), In(3, 2), mode="sum", per_sample_weights=In(2, 2), order=1),
    Layer("nn.EmbeddingBag", 5, 3, mode="mean", inputs=[idx([0, 4, 4, 2]), idx([0, 3])], order=1,
      scale_grad_by_freq=True),
]  # fmt: skip
