"""Distributions: log-probabilities, entropies, moments, divergences and their gradients, as PyTorch's."""

import numpy as np
import pytest

import thalweg as tw
from thalweg.distributions import incomplete_gamma

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
P, Q = RNG.uniform(0.1, 0.9, (3, 4)), RNG.uniform(0.1, 0.9, (3, 4))
L = np.tril(RNG.normal(size=(3, 4, 4)), -1) + 1.5 * np.eye(4)
S = L @ L.swapaxes(-1, -2)
K = RNG.integers(0, 4, (5, 3))
X = RNG.normal(size=(5, 3, 4))
U = RNG.uniform(0.01, 0.99, (5, 3, 4))
FIVE = np.full((3, 4), 5.0)
NOT_THERE = {"Poisson": ["entropy"]}  # in neither library
INVERTIBLE = ("Normal", "Uniform", "Laplace", "Exponential")
WITH_CDF = ("Normal", "Uniform", "Laplace", "Exponential")

# name, keyword arguments, a value, keyword arguments of another one for the divergence
CASES = [
    ("Normal", {"loc": A, "scale": P}, X, {"loc": B, "scale": Q}),
    ("Normal", {"loc": A, "scale": P[:1]}, X, {"loc": B[:, :1], "scale": Q}),
    ("Bernoulli", {"probs": P}, (X > 0).astype(float), {"logits": A}),
    ("Bernoulli", {"logits": A}, (X > 0).astype(float), {"probs": P}),
    ("Bernoulli", {"logits": 8 * A}, (X > 0).astype(float), None),
    ("Categorical", {"probs": P}, K, {"logits": A}),
    ("Categorical", {"logits": A}, K, {"probs": P}),
    ("Categorical", {"logits": A[0]}, K, None),
    ("Uniform", {"low": A, "high": A + P}, A + P * 0.5, None),
    ("Uniform", {"low": A, "high": A + P}, A + P * 0.5, {"low": A - 1, "high": A + 2}),
    ("Uniform", {"low": A, "high": A + P}, A + P * 0.5, {"low": A, "high": A + 0.5}),
    ("Laplace", {"loc": A, "scale": P}, X, {"loc": B, "scale": Q}),
    ("Exponential", {"rate": P}, abs(X), {"rate": Q}),
    ("Poisson", {"rate": 4 * P}, np.floor(4 * abs(X)), {"rate": Q}),
    ("Geometric", {"probs": P}, np.floor(4 * abs(X)), {"probs": Q}),
    ("Geometric", {"logits": A}, np.floor(4 * abs(X)), {"logits": B}),
    ("Binomial", {"total_count": FIVE, "probs": P}, np.floor(5 * U), {"total_count": FIVE, "logits": B}),
    ("Binomial", {"total_count": FIVE, "logits": A}, np.floor(5 * U), {"total_count": FIVE - 1, "probs": P}),
    ("Gamma", {"concentration": 3 * P, "rate": Q}, abs(X), {"concentration": Q, "rate": P}),
    ("Beta", {"concentration1": 3 * P, "concentration0": Q}, U, {"concentration1": Q, "concentration0": P}),
    ("Dirichlet", {"concentration": 3 * P}, U / U.sum(-1, keepdims=True), {"concentration": Q}),
    ("LogNormal", {"loc": A, "scale": P}, abs(X), {"loc": B, "scale": Q}),
    ("OneHotCategorical", {"probs": P}, np.eye(4)[K], {"logits": B}),
    ("OneHotCategoricalStraightThrough", {"logits": A}, np.eye(4)[K], None),
    ("MultivariateNormal", {"loc": A, "scale_tril": L}, X, {"loc": B, "covariance_matrix": S}),
    ("MultivariateNormal", {"loc": A, "covariance_matrix": S}, X, {"loc": B, "scale_tril": L}),
    ("MultivariateNormal", {"loc": A[0], "precision_matrix": S}, X, None),
]


def make(library, name, arguments):
    tensors = {k: library.tensor(v, requires_grad=k != "total_count") for k, v in arguments.items()}
    return getattr(library.distributions, name)(**tensors), list(tensors.values())


def compare(f, name, *arguments):
    """Values and gradients of ``f(library, *distributions)`` in both libraries."""
    results = []
    for library in (tw, torch):
        made = [make(library, name, a) for a in arguments]
        y = f(library, *[d for d, _ in made])
        parameters = [p for _, ps in made for p in ps if p.requires_grad]
        grads = [None] * len(parameters)
        if y.requires_grad:
            grads = library.autograd.grad((y * y).sum(), parameters, allow_unused=True)
        results.append([y.detach().numpy(), *[None if g is None else g.numpy() for g in grads]])
    for ours, theirs in zip(*results, strict=True):
        if theirs is None or ours is None:
            assert not np.any(theirs) and not np.any(ours)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)
            assert ours.shape == theirs.shape


@pytest.mark.parametrize(("name", "arguments", "value", "other"), CASES)
def test_against_pytorch(name, arguments, value, other):
    compare(lambda lib, d: d.log_prob(lib.tensor(value)), name, arguments)
    if "entropy" not in NOT_THERE.get(name, []):
        compare(lambda lib, d: d.entropy(), name, arguments)
    for moment in ("mean", "variance", "stddev"):
        compare(lambda lib, d, moment=moment: getattr(d, moment), name, arguments)
    if name in WITH_CDF:
        compare(lambda lib, d: d.cdf(lib.tensor(value)), name, arguments)
        if name in INVERTIBLE:
            compare(lambda lib, d: d.icdf(lib.tensor(U)), name, arguments)
    if other is not None:
        compare(lambda lib, p, q: lib.distributions.kl_divergence(p, q), name, arguments, other)
    ours, theirs = make(tw, name, arguments)[0], make(torch, name, arguments)[0]
    assert ours.has_rsample == theirs.has_rsample
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    for shape in ((), (2,), (2, 3)):
        assert tuple(ours.sample(shape).shape) == tuple(theirs.sample(shape).shape)


@pytest.mark.parametrize(("name", "arguments"), [case[:2] for case in CASES])
def test_expanded(name, arguments):
    torch.manual_seed(0)
    theirs = make(torch, name, arguments)[0]
    batch = (2, *theirs.batch_shape)
    drawn = theirs.sample((2,)).numpy()
    compare(lambda lib, d: d.expand(batch).log_prob(lib.tensor(drawn)), name, arguments)
    compare(lambda lib, d: d.expand(batch).mean, name, arguments)
    for shape in ((), (3,)):
        ours, theirs = (make(lib, name, arguments)[0].expand(batch) for lib in (tw, torch))
        assert tuple(ours.sample(shape).shape) == tuple(theirs.sample(shape).shape)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("Bernoulli", {"probs": P}), ("Categorical", {"probs": P}), ("Binomial", {"total_count": FIVE, "probs": P})],
)
def test_supports_and_modes(name, arguments):
    for expand in (True, False):
        compare(lambda lib, d, e=expand: d.enumerate_support(expand=e), name, arguments)
    compare(lambda lib, d: d.mode, name, arguments)
    compare(lambda lib, d: d.perplexity(), name, arguments)


@pytest.mark.parametrize("ndims", [0, 1, 2])
def test_independent(ndims):
    def made(lib, d):
        return lib.distributions.Independent(d, ndims)

    arguments, other = {"loc": A, "scale": P}, {"loc": B, "scale": Q}
    compare(lambda lib, d: made(lib, d).log_prob(lib.tensor(X)), "Normal", arguments)
    compare(lambda lib, d: made(lib, d).entropy(), "Normal", arguments)
    compare(lambda lib, p, q: lib.distributions.kl_divergence(made(lib, p), made(lib, q)), "Normal", arguments, other)
    ours, theirs = (made(lib, make(lib, "Normal", arguments)[0]) for lib in (tw, torch))
    assert tuple(ours.event_shape) == tuple(theirs.event_shape) == tuple(A.shape[2 - ndims :])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Normal", (0.0, -1.0)),
        ("Bernoulli", (1.5,)),
        ("Categorical", (None,)),
        ("Uniform", (1.0, 0.0)),
        ("Laplace", (0.0, 0.0)),
        ("Exponential", (0.0,)),
        ("Poisson", (-1.0,)),
        ("Geometric", (0.0,)),
        ("Binomial", (-1, 0.5)),
        ("Binomial", (2, 1.5)),
    ],
)
def test_the_same_parameters_are_refused(name, arguments):
    with pytest.raises(ValueError):
        getattr(torch.distributions, name)(*arguments)
    with pytest.raises(ValueError, match=name):
        getattr(tw.distributions, name)(*arguments)


def test_incomplete_gamma_and_the_slope_of_samples():
    a = np.array([0.01, 0.1, 0.5, 1.0, 2.5, 10.0, 60.0, 900.0])[:, None]
    x = a + np.sqrt(a) * np.array([-1.5, -0.5, 0.0, 0.7, 3.0, 5.0])
    a, x = (np.broadcast_to(v, x.shape).copy() for v in (a, np.where(x > 0, x, a * 0.05)))
    want = torch.distributions.Gamma(torch.tensor(a), torch.tensor(1.0)).cdf(torch.tensor(x)).numpy()
    ours = tw.distributions.Gamma(tw.tensor(a), tw.tensor(1.0).double()).cdf(tw.tensor(x)).numpy()
    np.testing.assert_allclose(ours, want, rtol=3e-9, atol=1e-14)  # PyTorch's is an expansion from a = 20 on
    slope = incomplete_gamma.implicit_slope(a, x)
    np.testing.assert_allclose(slope, torch._standard_gamma_grad(torch.tensor(a), torch.tensor(x)).numpy(), rtol=1e-3)


def test_the_refused_gamma_parameters_are_the_same():
    for name in ("Gamma", "Beta"):
        for library in (torch, tw):
            with pytest.raises(ValueError):
                getattr(library.distributions, name)(1.0, 0.0)


TRANSFORMS = {
    "affine": lambda d: d.AffineTransform(0.5, -2.0),
    "exp": lambda d: d.ExpTransform(),
    "sigmoid": lambda d: d.SigmoidTransform(),
    "tanh": lambda d: d.TanhTransform(),
    "softplus": lambda d: d.SoftplusTransform(),
    "inverse": lambda d: d.SigmoidTransform().inv,
    "power": lambda d: d.ComposeTransform([d.ExpTransform(), d.PowerTransform(0.5)]),
    "composed": lambda d: d.ComposeTransform([d.TanhTransform(), d.AffineTransform(1.0, 3.0)]),
    "over an axis": lambda d: d.AffineTransform(0.5, 2.0, event_dim=1),
}


@pytest.mark.parametrize("kind", list(TRANSFORMS))
def test_transforms(kind):
    """The function, its inverse and its slope alone, then the distribution that it makes of a normal one."""
    values = U if kind == "inverse" else X
    base = {"low": np.full((3, 4), 0.005), "high": P * 0.01 + 0.99} if kind == "inverse" else {"loc": A, "scale": P}
    family = "Uniform" if kind == "inverse" else "Normal"

    def results(lib, which):
        t = TRANSFORMS[kind](lib.distributions)
        x = lib.tensor(values)
        y = t(x)
        return {"y": y, "x": t.inv(y), "slope": t.log_abs_det_jacobian(x, y)}[which]

    for which in ("y", "x", "slope"):
        ours, theirs = (results(lib, which).numpy() for lib in (tw, torch))
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)

    def made(lib, d):
        return lib.distributions.TransformedDistribution(d, [TRANSFORMS[kind](lib.distributions)])

    y = TRANSFORMS[kind](torch.distributions)(torch.tensor(values)).numpy()
    compare(lambda lib, d: made(lib, d).log_prob(lib.tensor(y)), family, base)
    batch = (2, 3) if kind == "over an axis" else (2, 3, 4)
    compare(lambda lib, d: made(lib, d).expand(batch).log_prob(lib.tensor(y[:1])), family, base)
    if kind != "over an axis":
        compare(lambda lib, d: made(lib, d).cdf(lib.tensor(y)), family, base)
        compare(lambda lib, d: made(lib, d).icdf(lib.tensor(U)), family, base)
    ours, theirs = (made(lib, make(lib, family, base)[0]) for lib in (tw, torch))
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)


@pytest.mark.parametrize("weights", [P, P[0]])
def test_mixtures(weights):
    def made(lib, d, choice):
        return lib.distributions.MixtureSameFamily(choice, d)

    parts, value = {"loc": A, "scale": P}, X[:, :, 0]
    choice = ("Categorical", {"probs": weights})
    for f in (
        lambda lib, m: m.log_prob(lib.tensor(value)),
        lambda lib, m: m.cdf(lib.tensor(value)),
        lambda lib, m: m.mean,
        lambda lib, m: m.variance,
    ):
        compare(lambda lib, d, f=f: f(lib, made(lib, d, make(lib, *choice)[0])), "Normal", parts)
        compare(lambda lib, c, f=f: f(lib, made(lib, make(lib, "Normal", parts)[0], c)), *choice)


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_relaxed(temperature):
    for name, value in (("RelaxedBernoulli", U), ("RelaxedOneHotCategorical", U / U.sum(-1, keepdims=True))):
        for arguments in ({"probs": P}, {"logits": A}):
            results = []
            for lib in (tw, torch):
                (parameter,) = (lib.tensor(v, requires_grad=True) for v in arguments.values())
                t = lib.tensor(temperature, dtype=lib.float64, requires_grad=True)
                made = getattr(lib.distributions, name)(t, **dict.fromkeys(arguments, parameter))
                log_prob = made.log_prob(lib.tensor(value))
                grads = lib.autograd.grad(log_prob.square().sum(), [t, parameter])
                results.append([x.detach().numpy() for x in (log_prob, *grads)])
                assert made.rsample((2,)).shape == (2, 3, 4)
            for ours, theirs in zip(*results, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-7)
