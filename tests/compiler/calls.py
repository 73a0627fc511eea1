"""Calls of every public function, layer and loss, each in two float64 tensors x and y of shape (3, 4).

A call is one row; test_trace_functions.py compiles whole families of them and compares values and gradients with
the eager ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import thalweg as tw
from thalweg import nn

from .layer_calls import LAYERS

F = nn.functional

_rng = np.random.default_rng(0)


def normal(*shape: int) -> tw.Tensor:
    """Random numbers, the same in every run."""
    return tw.from_numpy(_rng.standard_normal(shape))


def image(x: tw.Tensor) -> tw.Tensor:
    """Something of shape (1, 3, 2, 2) that depends on x."""
    return x.reshape(1, 3, 2, 2)


V, ROWS, BATCH, OTHER = normal(4), normal(5, 4), normal(2, 3, 4), normal(2, 4, 3)
MATRIX, WEIGHTS, BILINEAR = normal(4, 5), normal(5, 4), normal(2, 4, 4)
PLACES = tw.tensor([[0, 2, 1, 0], [1, 1, 2, 0], [2, 0, 1, 1]])
ORDER = tw.tensor([2, 0, 1, 1])
NEGATIVE = tw.tensor([-1, 0, -3])
CLASSES = tw.tensor([1, 3, 0])
IGNORED = tw.tensor([1, -100, 0])
SMALL = tw.tensor([1, 3, 0], dtype=tw.uint8)
LABELS = tw.tensor([[0, 2, -1, 1], [3, -1, 0, 0], [1, 0, 2, 3]])
INTEGERS = tw.tensor([[7, -3, 4, 2], [5, 9, -2, 1], [3, 3, 8, 6]])
BITS = tw.tensor([[True, False, True, True], [False, False, True, False], [True, True, False, False]])
HALVES = BITS.double()
SIGNS = HALVES * 2 - 1
PAIRS = tw.tensor([1.0, -1.0, 1.0], dtype=tw.float64)
CLASS_WEIGHTS = tw.tensor([0.5, 2.0, 1.0, 0.25], dtype=tw.float64)

Call = Callable[[Any, Any], Any]


def positive(x: tw.Tensor) -> tw.Tensor:
    """x made positive, away from 0."""
    return x * x + 0.2


def unit(x: tw.Tensor) -> tw.Tensor:
    """x pressed between 0 and 1."""
    return tw.sigmoid(x)


def named(
    module: Any, names: str, *args: Any, of: Callable[[Any], Any] = lambda x: x, **kwargs: Any
) -> dict[str, Call]:
    """The functions of ``module`` called with x and these arguments."""
    return {name: first(partial(_call, getattr(module, name), of, args, kwargs)) for name in names.split()}


def layers(names: str, *args: Any, of: Callable[[Any], Any] = lambda x: x, **kwargs: Any) -> dict[str, Call]:
    """The modules of these names, made now, called with x."""
    return {
        name: first(partial(_call, getattr(nn, name)(*args, **kwargs).double(), of, (), {})) for name in names.split()
    }


def first(function: Any) -> Call:
    """A function of one tensor as a call, which ignores y."""
    return lambda x, y: function(x)


def _call(function: Any, of: Any, args: Any, kwargs: Any, x: Any) -> Any:
    return function(of(x), *args, **kwargs)


def along(name: str) -> Call:
    """A reduction along single axes."""
    f = getattr(tw, name)
    return lambda x, y: [f(x, 0), f(x, -1), f(x, 1, keepdim=True), f(BATCH * x, 1)]


ELEMENTWISE: dict[str, Call] = {
    **named(tw, "abs ceil cos erf exp expm1 floor isfinite isinf isnan neg relu round sigmoid sign sin tanh trunc"),
    **named(tw, "square tan clone zeros_like ones_like is_floating_point numel is_tensor"),
    **named(tw, "log log1p log2 log10 sqrt rsqrt reciprocal", of=positive),
    "binary": lambda x, y: [
        f(x, y)
        for f in (tw.atan2, tw.maximum, tw.minimum, tw.mul, tw.add, tw.sub, tw.div, tw.fmod, tw.remainder, tw.max)
    ],
    "min of two": lambda x, y: tw.min(x, y),
    "floor_divide": lambda x, y: [tw.floor_divide(x, y), tw.div(x, y, rounding_mode="trunc"),
                                  tw.div(x, y, rounding_mode="floor")],
    "compared": lambda x, y: [tw.eq(x, y), tw.ne(x, y), tw.lt(x, y), tw.le(x, y), tw.gt(x, y), tw.ge(x, y)],
    "logical": lambda x, y: [tw.logical_and(x > 0, y > 0), tw.logical_or(x > 0, y), tw.logical_xor(x > 0, y > 0),
                             tw.logical_not(x > 0)],
    "bits": lambda x, y: [tw.bitwise_and(INTEGERS, 5), tw.bitwise_or(INTEGERS, PLACES), INTEGERS ^ PLACES,
                          tw.bitwise_not(INTEGERS), BITS & (x > 0), BITS | (x > 0), BITS ^ (x > 0), ~BITS],
    "integers": lambda x, y: [INTEGERS + 1, INTEGERS * PLACES, INTEGERS // 3, INTEGERS % 4, -INTEGERS, INTEGERS / 2,
                              INTEGERS.abs(), INTEGERS * x, INTEGERS > 2, INTEGERS ** 2, INTEGERS.sum(), PLACES - 3],
    "pow": lambda x, y: [positive(x) ** y, x**2, x**3, x**-1, 2**x, positive(x) ** 0.5],
    "scalars": lambda x, y: [x + 1, 1 - x, x * 2.5, 3 / (x + 5), x // 0.3, x % 0.7, 1 + x, 2 * x, x - 1, -x, abs(x)],
    "clamp": lambda x, y: [tw.clamp(x, -0.5, 0.5), tw.clamp(x, min=0), tw.clamp(x, max=y), x.clip(y, y + 1)],
    "lerp": lambda x, y: [tw.lerp(x, y, 0.3), tw.addcmul(x, y, y, value=0.5), tw.addcdiv(x, y, positive(y), value=2)],
    "where": lambda x, y: [tw.where(x > 0, x, y), tw.where(BITS, x, 0.0), tw.where(BITS, 1, 2),
                           tw.masked_fill(x, BITS, -1), tw.masked_fill(x, BITS, tw.tensor(2.0)), x.where(BITS, y)],
    "isclose": lambda x, y: [tw.isclose(x, x + 1e-12), tw.isclose(x, y, equal_nan=True)],
    "converted": lambda x, y: [x.float(), x.half().double(), x.int(), x.long(), x.bool(), x.to(tw.int16),
                               x.type_as(ORDER),
                               x.double(), x.to(INTEGERS), x.type(tw.float32), INTEGERS.to(tw.uint8), x.cpu()],
    "result_type": lambda x, y: [tw.zeros(2, dtype=tw.result_type(x, INTEGERS))],
}  # fmt: skip

REDUCTIONS: dict[str, Call] = {
    **named(tw, "sum mean prod var std amax amin argmax argmin logsumexp norm any all max min", of=lambda x: x),
    **{f"{name} along": along(name) for name in ("sum", "mean", "prod", "var", "std", "amax", "amin", "argmax",
    "argmin")},
    **{f"{name} along": along(name) for name in ("norm", "any", "all", "max", "min")},
    "logsumexp": lambda x, y: [tw.logsumexp(x, 1), tw.logsumexp(x, (0, 1)), tw.logsumexp(x, 0, keepdim=True)],
    "several": lambda x, y: [tw.sum(BATCH * x, (0, 2)), tw.mean(BATCH * x, (1, 2), keepdim=True),
                             tw.amax(BATCH * x, (0, 1)), tw.var(x, correction=0), tw.std(x, 1, correction=0)],
    "cumsum": lambda x, y: [tw.cumsum(x, 0), tw.cumsum(x, 1), tw.cumsum(INTEGERS, 1), x.sum().cumsum(0)],
    "norms": lambda x, y: [tw.norm(x, p, d) for p in (0, 1, 2, 3, np.inf, -np.inf, "fro") for d in (None, 0, 1)
                           if not (p == "fro" and d == 0)],
    "softmax": lambda x, y: [tw.softmax(x, 0), tw.softmax(x, -1), tw.log_softmax(x, 1), tw.log_softmax(BATCH * x, 1),
                             x.softmax(1), x.log_softmax(0), F.softmin(x, 1), F.softmax(x, 1, dtype=tw.float32)],
    "counts": lambda x, y: [(x > 0).sum(), (x > 0).sum(1), tw.sum(x, dtype=tw.float32), BITS.any(1), BITS.all(0),
                            INTEGERS.max(1), INTEGERS.min(), INTEGERS.prod(0), INTEGERS.amax(0)],
}  # fmt: skip

PRODUCTS: dict[str, Call] = {
    "matmul": lambda x, y: [x @ MATRIX, x @ y.T, V @ y.T, x @ V, V @ V, BATCH @ x.T, BATCH @ OTHER, tw.matmul(x.T,
                            y)],
    "named": lambda x, y: [tw.mm(x, y.T), tw.bmm(BATCH, OTHER), tw.mv(x, V), tw.dot(x[0], y[0]), tw.outer(x[0], y[1]),
                           tw.addmm(x[:, :3], x, y.T, beta=0.5, alpha=2), x.matmul(V), V.outer(V),
                           INTEGERS @ PLACES.T],
    "linear": lambda x, y: [F.linear(x, WEIGHTS), F.linear(x, WEIGHTS, V.new_ones(5)), F.linear(V, WEIGHTS),
                            F.linear(BATCH, x, V.new_zeros(3)), F.bilinear(x, y, BILINEAR, V[:2])],
    **layers("Linear", 4, 5),
    "Bilinear": nn.Bilinear(4, 4, 2).double(),
    "MaskedLinear": first(nn.MaskedLinear(4, 3, mask=BITS).double()),
    "distances": lambda x, y: [F.cosine_similarity(x, y), F.pairwise_distance(x, y), F.pairwise_distance(x, y, 1.0),
                               nn.CosineSimilarity(0)(x, y), nn.PairwiseDistance()(x, y)],
    "normalize": lambda x, y: [F.normalize(x), F.normalize(x, 1.0, 0)],
}  # fmt: skip

SHAPES: dict[str, Call] = {
    "reshaped": lambda x, y: [x.reshape(2, 6), x.view(-1), x.T.reshape(12), x.flatten(), tw.flatten(BATCH * x, 1),
                              x.unflatten(1, (2, 2)), x.view_as(y), x.reshape_as(y), nn.Flatten(0)(x),
                              nn.Unflatten(1, (2, -1))(x), x.contiguous(), x.T.contiguous()],
    "turned": lambda x, y: [x.T, x.t(), x.mT, x.permute(1, 0), tw.transpose(x, 0, 1), x.swapaxes(0, 1),
                            x.swapdims(0, 1),
                            tw.movedim(BATCH * x, 0, -1), tw.flip(x, (0,)), x.flip(0, 1), tw.roll(x, 1), tw.roll(x,
                            2, 1),
                            x.roll((1, 1), (0, 1))],
    "axes": lambda x, y: [x.unsqueeze(1), x[None], x.unsqueeze(0).squeeze(), x.unsqueeze(0).squeeze(0), x[..., None]],
    "larger": lambda x, y: [x.expand(2, 3, 4), V.expand(3, 4) * x, tw.broadcast_to(x, (2, 3, 4)), x.repeat(2, 1),
                            x.tile(2), tw.broadcast_tensors(x, V), x.expand_as(BATCH)],
    "joined": lambda x, y: [tw.cat([x, y]), tw.cat((x, y), 1), tw.concat([x, INTEGERS]), tw.concatenate([x, y], -1),
                            tw.stack([x, y]), tw.stack([x, y], -1)],
    "parts": lambda x, y: [x.split(2), x.split([1, 3], 1), x.chunk(2, 1), x.unbind(1), x.narrow(1, 1, 2),
                           x.select(0, 1),
                           tw.select(x, 1, -1)],
    "triangles": lambda x, y: [tw.tril(x), tw.triu(x, 1), tw.diag(V * x[0]), tw.diag(x), tw.diag(x, 1), x.tril(-1)],
    "indexed": lambda x, y: [x[0], x[1, 2], x[:, 1], x[1:, ::2], x[-1], x[..., 0], x[[0, 2]], x[ORDER], x[:, ORDER],
                             x[ORDER, ORDER], x[NEGATIVE], x[[0, 1], :, None], x[ORDER[:, None], ORDER], x[1:][:, 2],
                             x[True], x[ORDER, 1:3], BATCH[:, ORDER] * x[0], x[np.array([1, 0])]],
    "constant mask": lambda x, y: [x[[[True, False, True, True], [False] * 4, [True] * 4]], x[[True, False, True]]],
    "placed": lambda x, y: [tw.gather(x, 1, PLACES), x.gather(0, PLACES), tw.index_select(x, 0, ORDER),
                            x.index_select(1, ORDER), tw.take_along_dim(x, PLACES, 0), tw.scatter_add(x, 0, PLACES,
                            y),
                            x.scatter_add(1, PLACES, y), x.take_along_dim(PLACES[:, :1], 1)],
    "padded": lambda x, y: [F.pad(x, (1, 2)), F.pad(x, (1, 1, 0, 2), value=3.0), F.pad(x, (-1, 1)),
                            F.pad(x, (1, 2), mode="reflect"), F.pad(x, (2, 1), mode="replicate"),
                            F.pad(x, (2, 1), mode="circular")],
    "embedding": lambda x, y: [F.embedding(ORDER, x), F.embedding(PLACES, x), F.embedding(ORDER, x, padding_idx=1)],
    "one_hot": lambda x, y: [F.one_hot(CLASSES, 5), F.one_hot(PLACES, 3)],
    "facts": lambda x, y: [x.shape, x.size(), x.size(1), x.dim(), x.ndim, x.numel(), x.nelement(), x.dtype, x.device,
                           x.is_contiguous(), x.is_floating_point(), x.element_size(), x.itemsize, x.nbytes, len(x),
                           x.is_leaf, x.requires_grad, x.stride(), x.is_complex(), x.ndimension(), x.is_cuda],
}  # fmt: skip

CREATION: dict[str, Call] = {
    "filled": lambda x, y: [tw.zeros(2, 3), tw.ones((3, 4)) * x, tw.full((2,), 3), tw.full((2, 2), 0.5), tw.eye(3),
                            tw.arange(5), tw.arange(0, 1, 0.25), tw.linspace(0, 1, 5), tw.full_like(x, 2),
                            tw.zeros_like(x, dtype=tw.int64), tw.empty(0, 3), tw.empty_like(x).fill_(1)],
    "from data": lambda x, y: [tw.tensor([1.0, 2.0]), tw.tensor(3), tw.tensor([[1, 2]]), tw.as_tensor(x),
                               tw.tensor(np.ones(2)), tw.as_tensor([1.0, 2.0]), tw.from_numpy(np.ones(3)),
                               tw.asarray(2.5),
                               tw.as_tensor(INTEGERS, dtype=tw.float64) * x],
    "new": lambda x, y: [x.new_zeros(2), x.new_ones((2, 3)), x.new_full((2,), 7), x.new_tensor([1, 2]),
                         x.new_empty(2).zero_()],
    "detached": lambda x, y: [x.detach() * y, x.data * y, x.clone().detach_() * y],
}  # fmt: skip

ACTIVATIONS: dict[str, Call] = {
    **named(F,
    "relu relu6 sigmoid tanh elu selu celu gelu silu mish softplus softsign softshrink hardshrink hardtanh"),
    **named(F, "hardsigmoid hardswish leaky_relu logsigmoid tanhshrink glu"),
    "threshold": lambda x, y: F.threshold(x, 0.1, 20.0),
    "prelu": lambda x, y: [F.prelu(x, V), F.prelu(x, V[:1])],
    "choices": lambda x, y: [F.gelu(x, approximate="tanh"), F.softplus(x, 2, 1), F.leaky_relu(x, 0.2), F.elu(x, 0.5),
                             F.hardtanh(x, -0.3, 0.2), F.softshrink(x, 0.1), F.hardshrink(x, 0.1)],
    "in place": lambda x, y: [F.relu((x * 1), inplace=True), F.elu(x * 1, inplace=True), F.silu(x * 1, inplace=True)],
    **layers("CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid Mish PReLU"),
    **layers("ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink"),
    **layers("LogSoftmax Softmax Softmin", 1),
    **layers("Softmax2d", of=image),
    "Threshold": first(nn.Threshold(0.1, 0.2)),
    "RReLU eval": first(nn.RReLU().eval()),
    "NearestNeighbor": first(nn.NearestNeighbor(5, 4).double()),
}  # fmt: skip

LOSSES: dict[str, Call] = {
    "squares": lambda x, y: [F.mse_loss(x, y), F.l1_loss(x, y), F.smooth_l1_loss(x, y), F.huber_loss(x, y, delta=0.5),
                             F.mse_loss(x, y, reduction="sum"), F.mse_loss(x, y, reduction="none"),
                             F.l1_loss(x, y, reduction="none")],
    "cross_entropy": lambda x, y: [F.cross_entropy(x, CLASSES), F.cross_entropy(x, IGNORED), F.cross_entropy(x,
                                   SMALL),
                                   F.cross_entropy(x, CLASSES, weight=CLASS_WEIGHTS),
                                   F.cross_entropy(x, IGNORED, weight=CLASS_WEIGHTS, label_smoothing=0.1),
                                   F.cross_entropy(x, CLASSES, reduction="none"), F.cross_entropy(x, CLASSES,
                                   reduction="sum"),
                                   F.cross_entropy(x, unit(y)), F.cross_entropy(x, unit(y), weight=CLASS_WEIGHTS),
                                   F.cross_entropy(x[0], CLASSES[0]), F.cross_entropy(image(x), PLACES[None, :2,
                                   :2])],
    "nll_loss": lambda x, y: [F.nll_loss(F.log_softmax(x, 1), CLASSES), F.nll_loss(x, IGNORED, weight=CLASS_WEIGHTS),
                              F.nll_loss(x, IGNORED, reduction="none")],
    "binary": lambda x, y: [F.binary_cross_entropy(unit(x), unit(y)), F.binary_cross_entropy(unit(x), HALVES,
                            weight=V),
                            F.binary_cross_entropy_with_logits(x, HALVES),
                            F.binary_cross_entropy_with_logits(x, unit(y), pos_weight=CLASS_WEIGHTS,
                            reduction="none")],
    "kl_div": lambda x, y: [F.kl_div(x, unit(y), reduction="batchmean"), F.kl_div(x, y, log_target=True),
                            F.kl_div(x, unit(y), reduction="sum")],
    "likelihoods": lambda x, y: [F.gaussian_nll_loss(x, y, positive(y)), F.gaussian_nll_loss(x, y, positive(y),
                                 full=True),
                                 F.gaussian_nll_loss(x, y, positive(y[:, :1])), F.poisson_nll_loss(x, positive(y)),
                                 F.poisson_nll_loss(positive(x), positive(y), log_input=False, full=True)],
    "margins": lambda x, y: [F.hinge_embedding_loss(x, SIGNS), F.margin_ranking_loss(x, y, SIGNS, margin=0.1),
                             F.soft_margin_loss(x, SIGNS), F.cosine_embedding_loss(x, y, PAIRS, margin=0.2),
                             F.triplet_margin_loss(x, y, 1 - x), F.triplet_margin_loss(x, y, 1 - x, swap=True),
                             F.multi_margin_loss(x, CLASSES), F.multi_margin_loss(x, CLASSES, p=2,
                             weight=CLASS_WEIGHTS),
                             F.multilabel_margin_loss(x, LABELS), F.multilabel_soft_margin_loss(x, HALVES)],
    "modules": lambda x, y: [
        nn.MSELoss()(x, y), nn.L1Loss()(x, y), nn.SmoothL1Loss()(x, y), nn.HuberLoss()(x, y),
        nn.CrossEntropyLoss()(x, CLASSES),
        nn.CrossEntropyLoss(CLASS_WEIGHTS)(x, IGNORED), nn.NLLLoss()(x, CLASSES), nn.BCELoss()(unit(x), HALVES),
        nn.BCEWithLogitsLoss(pos_weight=CLASS_WEIGHTS)(x, HALVES), nn.KLDivLoss(reduction="batchmean")(x, unit(y)),
        nn.GaussianNLLLoss()(x, y, positive(y)), nn.PoissonNLLLoss()(x, positive(y)), nn.HingeEmbeddingLoss()(x,
        SIGNS),
        nn.MarginRankingLoss()(x, y, SIGNS), nn.SoftMarginLoss()(x, SIGNS), nn.CosineEmbeddingLoss()(x, y, PAIRS),
        nn.TripletMarginLoss()(x, y, 1 - x), nn.MultiMarginLoss()(x, CLASSES), nn.MultiLabelMarginLoss()(x, LABELS),
        nn.MultiLabelSoftMarginLoss()(x, HALVES),
    ],
}  # fmt: skip

RANDOM: dict[str, Call] = {
    "drawn": lambda x, y: [tw.rand(3, 4) * x, tw.randn(3), tw.randn(5, dtype=tw.float64), tw.rand_like(x),
                           tw.randn_like(x), tw.randint(0, 9, (4,)), tw.randint(5, (2, 2)), tw.randperm(6),
                           tw.normal(0.5, 2.0, (3,)), tw.normal(x, positive(y)), tw.bernoulli(unit(x)),
                           tw.bernoulli(x, 0.3), tw.randn(3, dtype=tw.float16)],
    "filled": lambda x, y: [tw.empty_like(x).uniform_(-1, 2), tw.empty_like(x).normal_(1, 2),
                            tw.empty_like(x).bernoulli_(0.4), tw.empty_like(x).bernoulli_(unit(x))],
    "dropped": lambda x, y: [F.dropout(x), F.dropout(x, 0.2), F.dropout(x, training=False), F.alpha_dropout(x,
                             training=True),
                             F.feature_alpha_dropout(image(x), training=True), F.dropout1d(x), F.dropout2d(image(x)),
                             F.dropout3d(image(x)[..., None]), nn.Dropout()(x), nn.AlphaDropout()(x),
                             nn.FeatureAlphaDropout()(image(x)), nn.Dropout1d()(x), nn.Dropout2d()(image(x)),
                             nn.Dropout3d()(image(x)[..., None])],
    "rrelu": lambda x, y: [F.rrelu(x, training=True), nn.RReLU()(x)],
    "gumbel": lambda x, y: [F.gumbel_softmax(x), F.gumbel_softmax(x, tau=0.5, hard=True), F.gumbel_softmax(x, dim=0)],
    "multinomial": lambda x, y: [tw.multinomial(unit(x), 3), tw.multinomial(unit(x), 5, replacement=True),
                                 tw.multinomial(unit(x[0]), 2)],
    "init": lambda x, y: [getattr(nn.init, name)(x.new_zeros(4, 3)) for name in (
        "uniform_", "normal_", "ones_", "zeros_", "eye_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_",
        "kaiming_normal_", "trunc_normal_", "orthogonal_")],
    "init more": lambda x, y: [nn.init.constant_(x.new_zeros(2), 3.0), nn.init.sparse_(x.new_zeros(4, 3), 0.5),
                               nn.init.dirac_(x.new_zeros(4, 3, 3))],
}  # fmt: skip

FAMILIES = {
    "elementwise": ELEMENTWISE,
    "reductions": REDUCTIONS,
    "products": PRODUCTS,
    "shapes": SHAPES,
    "creation": CREATION,
    "activations": ACTIVATIONS,
    "losses": LOSSES,
    "random": RANDOM,
    "layers": LAYERS,
}
