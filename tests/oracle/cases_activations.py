"""Activations, dropout that is off, distances and what else works on the elements, as functions and as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Case, In, Layer, Program, idx

F = "nn.functional."
X, S, E, B3 = In(3, 4), In(), In(0, 3), In(2, 3, 4)
NONE: dict[str, Any] = {}
# name of the function, name of the layer, arguments of both
ACTIVATIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("relu", "ReLU", NONE), ("relu6", "ReLU6", NONE), ("elu", "ELU", NONE), ("elu", "ELU", {"alpha": 0.7}),
    ("selu", "SELU", NONE), ("celu", "CELU", NONE), ("celu", "CELU", {"alpha": 1.5}), ("gelu", "GELU", NONE),
    ("gelu", "GELU", {"approximate": "tanh"}), ("silu", "SiLU", NONE), ("mish", "Mish", NONE),
    ("hardswish", "Hardswish", NONE), ("hardsigmoid", "Hardsigmoid", NONE), ("hardtanh", "Hardtanh", NONE),
    ("hardtanh", "Hardtanh", {"min_val": -0.5, "max_val": 1.5}), ("hardshrink", "Hardshrink", NONE),
    ("hardshrink", "Hardshrink", {"lambd": 1.0}), ("softshrink", "Softshrink", NONE),
    ("softshrink", "Softshrink", {"lambd": 0.2}), ("leaky_relu", "LeakyReLU", NONE),
    ("leaky_relu", "LeakyReLU", {"negative_slope": 0.3}), ("logsigmoid", "LogSigmoid", NONE),
    ("sigmoid", "Sigmoid", NONE), ("tanh", "Tanh", NONE), ("tanhshrink", "Tanhshrink", NONE),
    ("softplus", "Softplus", NONE), ("softplus", "Softplus", {"beta": 2.0, "threshold": 1.0}),
    ("softsign", "Softsign", NONE), ("threshold", "Threshold", {"threshold": 0.1, "value": 7.0}),
    ("rrelu", "RReLU", {"lower": 0.1, "upper": 0.3}),
]  # fmt: skip
ROUNDED = {"hardsigmoid": 1e-7}  # PyTorch has 1/6 to seven digits in its derivative
ALONG: list[tuple[str, str]] = [("softmax", "Softmax"), ("log_softmax", "LogSoftmax"), ("softmin", "Softmin")]
DROPOUTS = [("dropout", X), ("alpha_dropout", X), ("feature_alpha_dropout", B3), ("dropout1d", B3),
            ("dropout2d", In(2, 3, 4, 2)), ("dropout3d", In(2, 3, 2, 2, 2))]  # fmt: skip
OFF = [("Dropout", X), ("AlphaDropout", X), ("FeatureAlphaDropout", B3), ("Dropout1d", B3),
       ("Dropout2d", In(2, 3, 4, 2)), ("Dropout3d", In(2, 3, 2, 2, 2))]  # fmt: skip


def attend(m: Any, x: Any, w: Any, b: Any, out: Any) -> Any:
    """Attention with its parameters given."""
    return m.nn.functional.multi_head_attention_forward(
        x, x, x, 4, 2, w, b, None, None, False, 0.0, out, b[:4], training=False
    )


CASES = [
    *[Case(F + f, x, **a, tolerance=ROUNDED.get(f, 1e-9)) for f, _, a in ACTIVATIONS for x in (X, S, E)],
    *[Layer(f"nn.{n}", inputs=[X], train=False, **a, tolerance=ROUNDED.get(f, 1e-9)) for f, n, a in ACTIVATIONS],
    *[Case(F + f, x, dim=d) for f, _ in ALONG for x, d in ((X, 0), (X, -1), (B3, 1), (S, 0), (E, 1))],
    *[Layer(f"nn.{layer}", dim=1, inputs=[B3]) for _, layer in ALONG],
    Layer("nn.Softmax2d", inputs=[In(2, 3, 2, 2)]), Case(f"{F}glu", B3), Case(f"{F}glu", X, 1), Case(f"{F}glu", X, -1),
    Layer("nn.GLU", inputs=[X]), Layer("nn.GLU", dim=0, inputs=[In(4, 3)]),
    Case(f"{F}prelu", X, In(4)), Case(f"{F}prelu", B3, In(1)), Case(f"{F}prelu", In(5), In(1)),
    Layer("nn.PReLU", inputs=[X]), Layer("nn.PReLU", 3, inputs=[B3]),
    *[Case(F + f, x, 0.4, False) for f, x in DROPOUTS],
    *[Layer(f"nn.{n}", 0.4, inputs=[x], train=False) for n, x in OFF],
    *[Case(F + f, x, 1.0, True, order=0) for f, x in DROPOUTS if "alpha" not in f],
    Case(f"{F}linear", X, In(2, 4)), Case(f"{F}linear", X, In(2, 4), In(2)), Case(f"{F}linear", B3, In(2, 4), In(2)),
    Case(f"{F}linear", In(4), In(2, 4), In(2)), Case(f"{F}linear", In(0, 4), In(2, 4), In(2)),
    Case(f"{F}linear", X, In(4)), Layer("nn.Linear", 4, 2, inputs=[X]), Layer("nn.Linear", 4, 2, False, inputs=[B3]),
    Layer("nn.Identity", 4, inputs=[X]),
    Layer("nn.Flatten", inputs=[B3]), Layer("nn.Flatten", 0, 1, inputs=[B3]),
    Layer("nn.Unflatten", 1, (2, 2), inputs=[X]),
    Case(f"{F}bilinear", X, In(3, 2), In(5, 4, 2), In(5)), Layer("nn.Bilinear", 4, 2, 5, inputs=[X, In(3, 2)]),
    *[Case(f"{F}normalize", x, **a) for x in (X, B3) for a in (NONE, {"p": 1.0}, {"p": 3, "dim": 0}, {"eps": 3.0})],
    *[Case(F + f, X, In(3, 4)) for f in ("cosine_similarity", "pairwise_distance")],
    Case(f"{F}cosine_similarity", B3, In(3, 1), dim=-1), Case(f"{F}cosine_similarity", X, X, 0, 0.5),
    Case(f"{F}pairwise_distance", X, In(4), p=1, keepdim=True), Case(f"{F}pairwise_distance", X, In(3, 4), 3.0, 0.1),
    Layer("nn.CosineSimilarity", 0, inputs=[X, In(3, 4)]), Layer("nn.PairwiseDistance", 3, inputs=[X, In(3, 4)]),
    Case(f"{F}one_hot", idx([1]), 4), Case(f"{F}one_hot", idx([[0, 2], [1, 1]])), Case(f"{F}one_hot", idx([]), 3),
    Case(f"{F}native_channel_shuffle", In(2, 4, 3, 1, grad=False), 2),
    Case(f"{F}gumbel_softmax", In(values=[[900.0, 0.0, -900.0], [-900.0, 0.0, 900.0]]), hard=True, order=0),
    Case(f"{F}gumbel_softmax", In(values=[[-np.inf, 0.0, -np.inf]]), 0.3, order=0),
    Case(f"{F}upsample", In(1, 2, 3, 3), scale_factor=2, mode="bilinear", align_corners=True),
    Case(f"{F}upsample_nearest", In(1, 2, 3), 5), Case(f"{F}upsample_bilinear", In(1, 2, 3, 3), (4, 5)),
    *[Case(f"{F}fractional_max_pool{n}d_with_indices", In(2, 3, *(5,) * n), 2, 3, memory_orders=False,
           _random_samples=In(2, 3, n, low=0, high=1, grad=False)) for n in (2, 3)],
    Program(f"{F}multi_head_attention_forward", attend, In(3, 2, 4), In(12, 4), In(12), In(4, 4)),
    Case("char", In(values=[1.5, -2.5, 100.0]), only="method"), Case("int", In(values=[1.5]), only="method"),
    *[Case(n, In(values=[1.5, 0.0]), only="method") for n in ("bool", "byte", "short", "long", "half", "float")],
    *[Case(n, X, only="method") for n in ("cpu", "conj_physical", "resolve_conj", "resolve_neg")],
    Case("angle", In(values=[1.0, -2.0, np.nan, 0.0, -np.inf])), Case("conj_physical", X),
    Case("real", X, only="function"),
    Case("resolve_conj", X), Case("conj", X), Case("adjoint", B3),
]  # fmt: skip
