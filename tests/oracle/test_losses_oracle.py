"""Every loss beside PyTorch's: value, gradient and second derivative in float64."""

from __future__ import annotations

import inspect
import warnings
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(7)
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}
REDUCTIONS = ("none", "mean", "sum")
NO_SECOND_ORDER = {"multi_margin_loss", "multilabel_margin_loss"}  # PyTorch has none for these


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape)


def uniform(*shape: int) -> Any:
    return RNG.uniform(0.05, 0.95, shape)


def signs(*shape: int) -> Any:
    return RNG.choice([-1.0, 1.0], shape)


def rows_of_probabilities(*shape: int) -> Any:
    p = RNG.uniform(0.1, 1.0, shape)
    return p / p.sum(min(len(shape) - 1, 1), keepdims=True)


def classes(*shape: int, ignored: int | None = None) -> Any:
    t = RNG.integers(0, 4, shape)
    if ignored is not None:
        t.ravel()[:1] = ignored
    return t


POSITIVE = uniform(3, 4) + 0.5
C_WEIGHT = np.array([0.5, 2.0, 1.5, 0.25])
PROBABILITIES = rows_of_probabilities(3, 4)

# name, tensor arguments (floating ones are differentiated by), options; an array among the options is a tensor
CASES: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("mse_loss", [normal(3, 4), normal(3, 4)], {}),
    ("mse_loss", [normal(3, 4), normal(3, 4)], {"weight": uniform(3, 4)}),
    ("mse_loss", [normal(), normal()], {}),
    ("l1_loss", [normal(3, 4), normal(3, 4)], {}),
    ("l1_loss", [normal(3, 4), normal(3, 4)], {"weight": uniform(3, 4)}),
    *[("smooth_l1_loss", [normal(3, 4), normal(3, 4)], {"beta": b}) for b in (0, 0.5, 1.0, 3.0)],
    *[("huber_loss", [normal(3, 4), normal(3, 4)], {"delta": d}) for d in (0.5, 1.0, 3.0)],
    ("huber_loss", [normal(3, 4), normal(3, 4)], {"weight": uniform(3, 4)}),
    ("binary_cross_entropy", [uniform(3, 4), uniform(3, 4)], {}),
    ("binary_cross_entropy", [uniform(3, 4), uniform(3, 4)], {"weight": uniform(4)}),
    ("binary_cross_entropy_with_logits", [normal(3, 4) * 3, uniform(3, 4)], {}),
    ("binary_cross_entropy_with_logits", [normal(3, 4) * 30, signs(3, 4) / 2 + 0.5], {}),
    ("binary_cross_entropy_with_logits", [normal(3, 4), uniform(3, 4)], {"weight": uniform(3, 1)}),
    ("binary_cross_entropy_with_logits", [normal(3, 4), uniform(3, 4)], {"pos_weight": C_WEIGHT}),
    ("kl_div", [np.log(uniform(3, 4)), uniform(3, 4)], {}),
    ("kl_div", [np.log(uniform(3, 4)), np.log(uniform(3, 4))], {"log_target": True}),
    ("soft_margin_loss", [normal(3, 4) * 3, signs(3, 4).astype(int)], {}),
    ("poisson_nll_loss", [normal(3, 4), uniform(3, 4) * 5], {}),
    ("poisson_nll_loss", [normal(3, 4), uniform(3, 4) * 5], {"full": True}),
    ("poisson_nll_loss", [POSITIVE, uniform(3, 4) * 5], {"log_input": False, "full": True, "eps": 1e-3}),
    ("gaussian_nll_loss", [normal(3, 4), normal(3, 4), POSITIVE], {}),
    ("gaussian_nll_loss", [normal(3, 4), normal(3, 4), POSITIVE[:, :1]], {"full": True}),
    ("gaussian_nll_loss", [normal(3, 4), normal(3, 4), POSITIVE[:, 0]], {"eps": 1.0}),
    ("gaussian_nll_loss", [normal(3, 4), normal(3, 4)], {"var": 0.7}),
    ("hinge_embedding_loss", [normal(3, 4), signs(3, 4)], {}),
    ("hinge_embedding_loss", [normal(3, 4), signs(3, 4)], {"margin": 0.3}),
    ("margin_ranking_loss", [normal(5), normal(5), signs(5)], {}),
    ("margin_ranking_loss", [normal(5), normal(5), signs(5)], {"margin": 0.7}),
    ("cosine_embedding_loss", [normal(5, 3), normal(5, 3), signs(5)], {}),
    ("cosine_embedding_loss", [normal(5, 3), normal(5, 3), signs(5)], {"margin": -0.4}),
    ("cosine_embedding_loss", [normal(3), normal(3), signs()], {}),
    ("triplet_margin_loss", [normal(5, 3), normal(5, 3), normal(5, 3)], {}),
    ("triplet_margin_loss", [normal(5, 3), normal(5, 3), normal(5, 3)], {"p": 1, "margin": 2.0}),
    ("triplet_margin_loss", [normal(5, 3), normal(5, 3), normal(1, 3)], {"p": 3.0, "swap": True, "eps": 0.1}),
    ("triplet_margin_loss", [normal(3), normal(3), normal(3)], {"swap": True}),
    ("multi_margin_loss", [normal(3, 4), classes(3)], {}),
    ("multi_margin_loss", [normal(3, 4), classes(3)], {"p": 2, "margin": 0.5, "weight": C_WEIGHT}),
    ("multi_margin_loss", [normal(4), classes()], {"p": 2}),
    ("multilabel_margin_loss", [normal(2, 4), np.array([[3, 0, -1, 1], [2, 2, 1, 0]])], {}),
    ("multilabel_margin_loss", [normal(2, 4), np.array([[-1, 0, 1, 2], [0, 1, 2, 3]])], {}),
    ("multilabel_margin_loss", [normal(4), np.array([1, -1, 0, 0])], {}),
    ("multilabel_soft_margin_loss", [normal(3, 4), uniform(3, 4)], {}),
    ("multilabel_soft_margin_loss", [normal(2, 3, 4), uniform(2, 3, 4)], {"weight": C_WEIGHT}),
]

for logits, target in [
    (normal(3, 4), classes(3)),
    (normal(4), classes()),
    (normal(2, 4, 3), classes(2, 3, ignored=-100)),
    (normal(2, 4, 3, 2), classes(2, 3, 2, ignored=-100)),
    (normal(3, 4), classes(3, ignored=-100)),
    (normal(3, 4), np.array([1, 0, 1])),
    (normal(0, 4), classes(0)),
    (normal(2, 4, 0), classes(2, 0)),
    (normal(2, 4), np.array([-100, -100])),
    (normal(2, 4) * 1e4, np.array([0, 1])),
]:
    for options in ({}, {"weight": C_WEIGHT}, {"ignore_index": 1}, {"weight": C_WEIGHT, "ignore_index": 1}):
        if options.get("ignore_index") == 1 and np.any(target == -100):
            continue  # -100 is then out of range
        CASES.append(("nll_loss", [logits, target], options))
        CASES.append(("cross_entropy", [logits, target], options))
        CASES.append(("cross_entropy", [logits, target], {**options, "label_smoothing": 0.3}))
CASES.append(("cross_entropy", [normal(3, 4), np.array([1, 0, 1], np.uint8)], {"weight": C_WEIGHT}))
SOFT = ({}, {"weight": C_WEIGHT}, {"label_smoothing": 0.3}, {"label_smoothing": 1.0, "weight": C_WEIGHT})
CASES.extend(
    ("cross_entropy", [logits, target], options)
    for logits, target in [
        (normal(3, 4), PROBABILITIES),
        (normal(4), PROBABILITIES[0]),
        (normal(2, 4, 3), rows_of_probabilities(2, 4, 3)),
        (normal(0, 4), normal(0, 4)),
    ]
    for options in SOFT
)


def describe(case: Any) -> str:
    name, arrays, options = case
    shapes = "_".join("x".join(map(str, np.shape(a))) or "0d" for a in arrays)
    return f"{name}-{shapes}-{','.join(options)}"


class Library:
    """The same calls in either library."""

    def __init__(self, module: Any, functional: Any) -> None:
        self.module = module
        self.functional = functional

    def tensor(self, value: Any, requires_grad: bool = False) -> Any:
        return self.module.tensor(value, requires_grad=requires_grad) if isinstance(value, np.ndarray) else value

    def run(self, case: Any, reduction: str, order: int) -> list[Any]:
        """The loss, its gradients along a fixed direction, and theirs along another."""
        name, arrays, options = case
        inputs = [self.tensor(np.asarray(a), np.asarray(a).dtype.kind == "f") for a in arrays]
        options = {k: self.tensor(v) for k, v in options.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, on kl_div's "mean"
            loss = getattr(self.functional, name)(*inputs, reduction=reduction, **options)
        results = [loss]
        sources = [x for x in inputs if x.requires_grad]
        rng = np.random.default_rng(3)
        outputs = [loss]
        for _ in range(order):
            outputs = [y for y in outputs if y is not None and y.requires_grad]
            if not outputs:
                break
            directions = [self.tensor(np.asarray(rng.standard_normal(tuple(y.shape)))) for y in outputs]
            outputs = self.module.autograd.grad(
                outputs, sources, directions, create_graph=True, allow_unused=True, materialize_grads=True
            )
            results.extend(outputs)
        return [r.detach().numpy(force=True) for r in results]


OURS, THEIRS = Library(tw, F), Library(torch, torch.nn.functional)


@pytest.mark.parametrize("case", CASES, ids=describe)
def test_value_gradient_and_second_derivative(case):
    order = 1 if case[0] in NO_SECOND_ORDER else 2
    for reduction in (*REDUCTIONS, "batchmean") if case[0] == "kl_div" else REDUCTIONS:
        ours, theirs = OURS.run(case, reduction, order), THEIRS.run(case, reduction, order)
        for y, expected in zip_longest(ours, theirs):
            y = np.zeros_like(expected) if y is None else y  # a gradient known to be constant has no second one
            expected = np.zeros_like(y) if expected is None else expected
            assert y.shape == expected.shape, reduction
            assert y.dtype == expected.dtype
            np.testing.assert_allclose(y, expected, **TOLERANCE, err_msg=f"{reduction}")


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES}))
def test_float32_stays_float32(name):
    case = next(case for case in CASES if case[0] == name)
    arrays = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in map(np.asarray, case[1])]
    case = (name, arrays, {})
    if name == "gaussian_nll_loss":
        case[2]["eps"] = 1e-3
    ours, theirs = OURS.run(case, "mean", 1), THEIRS.run(case, "mean", 1)
    for y, expected in zip(ours, theirs, strict=True):
        assert y.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(y, expected, rtol=2e-5, atol=2e-6)


# PyTorch's 1e-12 is a float32, which is seen where it is added to 0 or stands for it.
AT_A_FLOOR = {"rtol": 1e-8, "atol": 1e-9}


@pytest.mark.parametrize("target", [0.0, 1.0, 0.3])
def test_binary_cross_entropy_at_its_floors(target):
    case = ("binary_cross_entropy", [np.array([0.0, 1.0, 1e-14, 1e-300]), np.full(4, target)], {})
    # the value and the input's gradient; the target's is infinite in PyTorch, which floors the value only
    for y, expected in zip(OURS.run(case, "sum", 1)[:2], THEIRS.run(case, "sum", 1)[:2], strict=True):
        np.testing.assert_allclose(y, expected, **AT_A_FLOOR)


@pytest.mark.parametrize(
    ("case", "reduction"),
    [
        (("smooth_l1_loss", [np.array([0.0, 1.0, -1.0, 2.0]), np.zeros(4)], {}), "sum"),
        (("huber_loss", [np.array([0.0, 1.0, -1.0, 2.0]), np.zeros(4)], {}), "sum"),
        (("l1_loss", [np.array([0.0, 1.0]), np.zeros(2)], {}), "sum"),
        (("hinge_embedding_loss", [np.array([1.0, 0.0]), np.array([-1.0, -1.0])], {}), "sum"),
        (("margin_ranking_loss", [np.array([1.0]), np.array([1.0]), np.array([1.0])], {}), "sum"),
        (("multi_margin_loss", [np.array([[1.0, 2.0]]), np.array([1])], {}), "sum"),
        (("multilabel_margin_loss", [np.array([[1.0, 2.0]]), np.array([[1, -1]])], {}), "sum"),
        (("cosine_embedding_loss", [np.zeros((1, 2)), np.ones((1, 2)), np.array([1.0])], {}), "sum"),
        (("triplet_margin_loss", [np.ones((1, 2)), np.ones((1, 2)), np.zeros((1, 2))], {"eps": 0.0}), "sum"),
    ],
    ids=lambda v: v[0] if isinstance(v, tuple) else v,
)
def test_gradient_at_the_corners(case, reduction):
    for y, expected in zip(OURS.run(case, reduction, 1), THEIRS.run(case, reduction, 1), strict=True):
        np.testing.assert_allclose(y, expected, **AT_A_FLOOR)


def test_infinite_logits():
    logits = np.array([[np.inf, 0.0], [-np.inf, 0.0], [-np.inf, 0.0], [-np.inf, -np.inf], [np.nan, 0.0]])
    case = ("cross_entropy", [logits, np.array([0, 0, 1, 0, 0])], {})
    for y, expected in zip(OURS.run(case, "none", 1), THEIRS.run(case, "none", 1), strict=True):
        np.testing.assert_allclose(y, expected, **TOLERANCE)


BAD: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("cross_entropy", [normal(3, 4), np.array([0, 4, 1])], {}),
    ("cross_entropy", [normal(3, 4), np.array([0, -1, 1])], {}),
    ("cross_entropy", [normal(3, 4), np.array([0, 1])], {}),
    ("cross_entropy", [normal(3, 4), np.array([[0], [1], [2]])], {}),
    ("cross_entropy", [normal(3, 4), np.array([0, 1, 2], np.int32)], {}),
    ("cross_entropy", [normal(3, 4), np.ones((3, 4), np.int64)], {}),
    ("cross_entropy", [normal(3, 4), classes(3)], {"weight": C_WEIGHT[:3]}),
    ("cross_entropy", [normal(3, 4), PROBABILITIES], {"weight": C_WEIGHT[:3]}),
    ("cross_entropy", [normal(3, 4), PROBABILITIES], {"ignore_index": 1}),
    ("cross_entropy", [normal(3, 4), classes(3)], {"label_smoothing": 1.5}),
    ("nll_loss", [normal(), classes()], {}),
    ("nll_loss", [normal(2, 4, 3), classes(2, 2)], {}),
    ("mse_loss", [normal(2), normal(2)], {"weight": normal(1)}),
    ("smooth_l1_loss", [normal(2), normal(2)], {"beta": -1.0}),
    ("huber_loss", [normal(2), normal(2)], {"delta": 0.0}),
    ("binary_cross_entropy", [normal(2) + 5, uniform(2)], {}),
    ("binary_cross_entropy", [uniform(2), normal(2) + 5], {}),
    ("binary_cross_entropy", [uniform(2), uniform(1)], {}),
    ("binary_cross_entropy_with_logits", [uniform(2), uniform(1)], {}),
    ("binary_cross_entropy_with_logits", [uniform(2), uniform(2)], {"pos_weight": uniform(3)}),
    ("gaussian_nll_loss", [normal(2, 2), normal(2, 2), -POSITIVE[:2, :2]], {}),
    ("gaussian_nll_loss", [normal(2, 2), normal(2, 2), uniform(1)], {}),
    ("margin_ranking_loss", [normal(2, 2), normal(2, 2), signs(2)], {}),
    ("cosine_embedding_loss", [normal(2, 2), normal(2, 2), signs()], {}),
    ("triplet_margin_loss", [normal(2, 2), normal(2, 2), normal(2)], {}),
    ("triplet_margin_loss", [normal(2, 2), normal(2, 2), normal(2, 2)], {"margin": 0.0}),
    ("multi_margin_loss", [normal(2, 2), np.array([0, 1])], {"p": 3}),
    ("multi_margin_loss", [normal(2, 2), np.array([0, 2])], {}),
    ("multi_margin_loss", [normal(2, 2), np.array([0])], {}),
    ("multilabel_margin_loss", [normal(2, 2), np.array([[0, 2], [1, 0]])], {}),
    ("multilabel_margin_loss", [normal(2, 2), np.array([0, 1])], {}),
]


@pytest.mark.parametrize("case", BAD, ids=describe)
def test_bad_input_raises_the_class_that_pytorch_raises(case):
    with pytest.raises(Exception) as theirs:  # its class is the point
        THEIRS.run(case, "mean", 0)
    with pytest.raises(theirs.type, match=case[0]):
        OURS.run(case, "mean", 0)
    with pytest.raises(ValueError, match="foo"):
        THEIRS.run((case[0], *GOOD[case[0]]), "foo", 0)
    with pytest.raises(ValueError, match="foo"):
        OURS.run((case[0], *GOOD[case[0]]), "foo", 0)


GOOD = {name: (arrays, options) for name, arrays, options in CASES}
LOSSES = sorted(n for n in tw.nn.__dict__ if n.endswith("Loss"))
# with other arguments: compared in test_nn_utils_oracle.py and cases_layers.py
OTHERS = {"AdaptiveLogSoftmaxWithLoss", "CTCLoss", "TripletMarginWithDistanceLoss"}
MODULES: dict[str, list[Any]] = {
    "BCELoss": [uniform(3, 4), uniform(3, 4)],
    "CosineEmbeddingLoss": [normal(3, 4), normal(3, 4), signs(3)],
    "CrossEntropyLoss": [normal(3, 4), classes(3)],
    "GaussianNLLLoss": [normal(3, 4), normal(3, 4), POSITIVE],
    "KLDivLoss": [np.log(PROBABILITIES), PROBABILITIES],
    "MarginRankingLoss": [normal(3), normal(3), signs(3)],
    "MultiLabelMarginLoss": [normal(1, 4), np.array([[3, 0, -1, 1]])],
    "MultiMarginLoss": [normal(3, 4), classes(3)],
    "NLLLoss": [normal(3, 4), classes(3)],
    "TripletMarginLoss": [normal(3, 4), normal(3, 4), normal(3, 4)],
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "BCELoss": [{"weight": C_WEIGHT}],
    "BCEWithLogitsLoss": [{"weight": C_WEIGHT, "pos_weight": C_WEIGHT}],
    "CosineEmbeddingLoss": [{"margin": 0.3}],
    "CrossEntropyLoss": [{"weight": C_WEIGHT, "ignore_index": 2, "label_smoothing": 0.2}],
    "GaussianNLLLoss": [{"full": True, "eps": 1.0}],
    "HingeEmbeddingLoss": [{"margin": 2.0}],
    "HuberLoss": [{"delta": 0.4}],
    "KLDivLoss": [{"log_target": True}],
    "MarginRankingLoss": [{"margin": 0.3}],
    "MultiLabelSoftMarginLoss": [{"weight": C_WEIGHT}],
    "MultiMarginLoss": [{"p": 2, "margin": 0.3, "weight": C_WEIGHT}],
    "NLLLoss": [{"weight": C_WEIGHT, "ignore_index": 2}],
    "PoissonNLLLoss": [{"log_input": True, "full": True, "eps": 0.1}],
    "SmoothL1Loss": [{"beta": 0.4}],
    "TripletMarginLoss": [{"p": 1.0, "margin": 2.0, "swap": True, "eps": 0.1}],
}


@pytest.mark.parametrize("name", [n for n in LOSSES if n not in OTHERS])
def test_modules(name):
    arrays = MODULES.get(name, [normal(3, 4), signs(3, 4)])
    for options in ({}, *OPTIONS.get(name, [])):
        for reduction in REDUCTIONS:
            results = []
            for library in (OURS, THEIRS):
                chosen = {k: library.tensor(v) for k, v in options.items()}
                module = getattr(library.module.nn, name)(reduction=reduction, **chosen)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    results.append(module(*(library.tensor(np.asarray(a)) for a in arrays)).numpy())
                assert sorted(module.state_dict()) == sorted(k for k in options if k.endswith("weight"))
                assert repr(module) == f"{name}()"
            np.testing.assert_allclose(*results, **TOLERANCE)


def test_signatures():
    for name in LOSSES:
        ours, theirs = getattr(tw.nn, name), getattr(torch.nn, name)
        for method in ("__init__", "forward"):
            assert parameters(getattr(ours, method)) == parameters(getattr(theirs, method)), name
    for name in {case[0] for case in CASES}:
        assert parameters(getattr(F, name)) == parameters(getattr(torch.nn.functional, name)), name


def parameters(function: Any) -> list[Any]:
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]
