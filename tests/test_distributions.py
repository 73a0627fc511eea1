"""Distributions: samples, compiled too, and what is refused."""

import math

import numpy as np
import pytest

import thalweg as tw
from thalweg import distributions as d
from thalweg.errors import ArgumentError, ShapeError, TraceError, TransformError

N = 20_000


def two_bumps():
    """Means 2 and -2, weights 3/4 and 1/4, variances 1: mean 1 and variance 1 + 3."""
    return d.MixtureSameFamily(d.Categorical(tw.tensor([3.0, 1.0])), d.Normal(tw.tensor([2.0, -2.0]), 1.0))


@pytest.mark.parametrize(
    ("make", "mean", "std"),
    [
        (lambda: d.Normal(1.0, 2.0), 1, 2),
        (lambda: d.Uniform(-1.0, 3.0), 1, 4 / math.sqrt(12)),
        (lambda: d.Bernoulli(probs=0.3), 0.3, math.sqrt(0.21)),
        (lambda: d.Bernoulli(logits=tw.tensor(0.0)), 0.5, 0.5),
        (lambda: d.Categorical(tw.tensor([1.0, 0.0, 3.0])), 1.5, math.sqrt(0.75)),
        (lambda: d.Laplace(1.0, 2.0), 1, math.sqrt(8)),
        (lambda: d.Exponential(0.5), 2, 2),
        (lambda: d.Poisson(3.0), 3, math.sqrt(3)),
        (lambda: d.Gamma(0.3, 2.0), 0.15, math.sqrt(0.075)),
        (lambda: d.Gamma(5.0, 2.0), 2.5, math.sqrt(1.25)),
        (lambda: d.Beta(2.0, 3.0), 0.4, 0.2),
        (lambda: d.LogNormal(0.0, 0.5), math.exp(0.125), math.sqrt(math.expm1(0.25)) * math.exp(0.125)),
        (lambda: d.TransformedDistribution(d.Uniform(0.0, 1.0), d.AffineTransform(1.0, -2.0)), 0, 2 / math.sqrt(12)),
        (lambda: two_bumps(), 1, math.sqrt(4)),
        (lambda: d.Geometric(0.25), 3, math.sqrt(12)),
        (lambda: d.Binomial(6, probs=0.25), 1.5, math.sqrt(6 * 0.25 * 0.75)),
    ],
)
def test_samples_have_the_moments(make, mean, std):
    tw.manual_seed(0)
    x = make().sample((N,)).double()
    assert x.mean().item() == pytest.approx(mean, abs=4 * std / math.sqrt(N))
    assert x.std().item() == pytest.approx(std, rel=0.03)


def test_samples_of_several_dimensions_are_correlated():
    tw.manual_seed(0)
    covariance = tw.tensor([[2.0, -1.0], [-1.0, 1.0]])
    x = d.MultivariateNormal(tw.tensor([1.0, -1.0]), covariance).sample((N,)).numpy()
    np.testing.assert_allclose(np.cov(x.T), covariance.numpy(), atol=0.06)
    np.testing.assert_allclose(x.mean(0), [1, -1], atol=0.04)


def test_each_row_of_a_batch_is_sampled_by_its_own_probabilities():
    rows = tw.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert d.Categorical(rows).sample((4,)).tolist() == [[0, 2]] * 4
    assert d.Categorical(rows.view(2, 1, 3)).sample((2, 2)).tolist() == [[[[0], [2]]] * 2] * 2


def test_gradients_flow_through_rsample_only():
    loc, scale = tw.tensor(1.0, requires_grad=True), tw.tensor(2.0, requires_grad=True)
    normal = d.Normal(loc, scale)
    assert not normal.sample((3,)).requires_grad
    tw.manual_seed(0)
    x = normal.rsample((3,))
    x.sum().backward()
    assert loc.grad.item() == 3
    assert scale.grad.item() == pytest.approx(((x.detach() - 1) / 2).sum().item(), rel=1e-5)
    with pytest.raises(NotImplementedError, match="Categorical has no rsample"):
        d.Categorical(tw.ones(2)).rsample()


def test_a_compiled_policy_is_the_eager_one():
    tw.manual_seed(0)
    model = tw.nn.Linear(4, 3)

    def act(x):
        policy = d.Categorical(logits=model(x))
        action = policy.sample()
        loss = -(policy.log_prob(action) + 0.1 * policy.entropy()).mean()
        model.zero_grad()
        loss.backward()
        return action, loss, model.weight.grad

    x, results = tw.randn(6, 4), []
    for f in (act, tw.compile(act)):
        tw.manual_seed(5)
        results.append([y.detach().numpy() for y in f(x)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_reparametrised_loss_of_an_autoencoder_compiles():
    mean, log_scale = tw.zeros(3, requires_grad=True), tw.zeros(3, requires_grad=True)

    def loss():
        q = d.Normal(mean, log_scale.exp())
        value = (q.rsample() - 1).square().sum() + d.kl_divergence(q, d.Normal(0.0, 1.0)).sum()
        return value, *tw.autograd.grad(value, [mean, log_scale])

    results = []
    for f in (loss, tw.compile(loss)):
        tw.manual_seed(5)
        results.append([y.detach().numpy() for y in f()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_impossible_classes_do_not_make_the_entropy_nan():
    c = d.Categorical(logits=tw.tensor([0.0, -math.inf, 0.0]))
    assert c.entropy().item() == pytest.approx(math.log(2))
    assert c.log_prob(tw.tensor(1)).item() == -math.inf


def test_what_is_refused():
    for make, message in (
        (lambda: d.Normal(0.0, tw.tensor([1.0, 0.0])), "scale must be positive"),
        (lambda: d.Normal(0.0, math.nan), "scale must be positive"),
        (lambda: d.Categorical(tw.tensor([0.5, -0.1])), "negative"),
        (lambda: d.Bernoulli(), "either probs or logits"),
        (lambda: d.Bernoulli(0.5, 0.5), "either probs or logits"),
        (lambda: d.Independent(d.Normal(0.0, 1.0), 1), "only 0 batch axes"),
        (lambda: d.MultivariateNormal(tw.zeros(2)), "just one of"),
        (lambda: d.Laplace(0.0, 0.0), "scale must be positive"),
        (lambda: d.Gamma(1.0, 0.0), "must be positive"),
        (lambda: d.Beta(0.0, 1.0), "must be positive"),
        (lambda: d.Dirichlet(tw.tensor([1.0, 0.0])), "must be positive"),
        (lambda: d.Exponential(-1.0), "rate must be positive"),
        (lambda: d.Poisson(-1.0), "not be negative"),
        (lambda: d.Geometric(0.0), "above 0"),
        (lambda: d.Geometric(), "either probs or logits"),
        (lambda: d.Binomial(1.5, 0.5), "integer"),
        (lambda: d.Binomial(tw.tensor([1.0, 2.0]), 0.5).entropy(), "all be the same"),
        (lambda: d.kl_divergence(d.Binomial(2, 0.5), d.Binomial(3, 0.5)), "more trials"),
    ):
        with pytest.raises(ArgumentError, match=message):
            make()
    d.Normal(0.0, -1.0, validate_args=False)
    with pytest.raises(ShapeError, match="axis of classes"):
        d.Categorical(tw.tensor(1.0))
    with pytest.raises(NotImplementedError, match="Normal and Uniform"):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Uniform(0.0, 1.0))
    assert repr(d.Normal(tw.zeros(2), 1.0)) == "Normal(batch_shape=(2,), event_shape=())"


def test_outside_the_support_the_density_is_nothing_and_its_gradient_finite():
    for make, value in (
        (d.Exponential, -1.0),
        (lambda p: d.Gamma(p, p), -1.0),
        (lambda p: d.Beta(p, 2.0), 1.5),
        (d.Poisson, -2.0),
        (d.Geometric, -1.0),
        (lambda p: d.Binomial(3, p), 4.0),
    ):
        parameter = tw.tensor(0.5, requires_grad=True)
        log_prob = make(parameter).log_prob(tw.tensor([value, 0.5]))
        assert log_prob[0].item() == -math.inf
        log_prob[1].backward()
        assert math.isfinite(parameter.grad.item())


def test_counts_sum_to_one():
    k = tw.arange(200, dtype=tw.float64)
    for made in (d.Poisson(tw.tensor(7.5).double()), d.Geometric(tw.tensor(0.3).double())):
        assert made.log_prob(k).exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert d.Binomial(9, tw.tensor(0.3).double()).log_prob(k[:10]).exp().sum().item() == pytest.approx(1)


def test_the_nearest_formula_is_taken():
    class Shifted(d.Normal):
        pass

    assert d.kl_divergence(Shifted(1.0, 1.0), d.Normal(0.0, 1.0)).item() == pytest.approx(0.5)


@pytest.mark.parametrize("a", [0.4, 1.0, 6.0])
def test_gradients_through_gamma_samples_are_those_of_the_moments(a):
    """E z = a and E z² = a (a + 1), whose derivatives are 1 and 2 a + 1."""
    tw.manual_seed(0)
    concentration = tw.full((N,), a, dtype=tw.float64, requires_grad=True)
    z = d.Gamma(concentration, 1.0).rsample()
    for power, want in ((1, 1.0), (2, 2 * a + 1)):
        (slopes,) = tw.autograd.grad((z**power).sum(), concentration, retain_graph=True)
        assert slopes.mean().item() == pytest.approx(want, abs=4 * slopes.std().item() / math.sqrt(N))


def test_gradients_through_probabilities_are_those_of_their_mean():
    """E x = a / (a + b) for the beta distribution: b / (a + b)² and -a / (a + b)²."""
    tw.manual_seed(0)
    a, b = (tw.full((N,), value, dtype=tw.float64, requires_grad=True) for value in (2.0, 3.0))
    slopes = tw.autograd.grad(d.Beta(a, b).rsample().sum(), [a, b])
    for slope, want in zip(slopes, (3 / 25, -2 / 25), strict=True):
        assert slope.mean().item() == pytest.approx(want, abs=4 * slope.std().item() / math.sqrt(N))
    drawn = d.Dirichlet(tw.tensor([1.0, 2.0, 5.0])).sample((N,))
    np.testing.assert_allclose(drawn.sum(-1).numpy(), 1, rtol=1e-5)
    np.testing.assert_allclose(drawn.mean(0).numpy(), [1 / 8, 2 / 8, 5 / 8], atol=0.006)


def test_the_gamma_distribution_function_has_both_derivatives():
    a = tw.tensor([0.3, 2.0, 8.0], dtype=tw.float64, requires_grad=True)
    x = tw.tensor([0.2, 3.0, 5.0], dtype=tw.float64, requires_grad=True)
    assert tw.autograd.gradcheck(lambda a, x: d.Gamma(a, 2.0).cdf(x), (a, x))
    assert d.Gamma(a, 1.0).cdf(tw.tensor([-1.0, 0.0, 1e9]).double()).tolist() == [0, 0, 1]


def test_gamma_samples_are_refused_where_they_can_not_be_repeated():
    with pytest.raises(TraceError, match="standard_gamma"):
        tw.compile(lambda a: d.Gamma(a, 1.0).rsample())(tw.ones(2))
    with pytest.raises(TransformError, match="standard_gamma"):
        tw.func.vmap(lambda a: d.Gamma(a, 1.0).rsample(), randomness="different")(tw.ones(2))


def test_the_gamma_distribution_function_is_exact_for_whole_shapes():
    """P(n, x) = 1 - exp(-x) sum_{k < n} x^k / k!."""
    for n, x in ((1, 0.3), (4, 2.0), (20, 25.0), (60, 48.0)):
        want = 1 - math.exp(-x) * math.fsum(x**k / math.factorial(k) for k in range(n))
        found = d.Gamma(tw.tensor(float(n), dtype=tw.float64), 1.0).cdf(tw.tensor(x, dtype=tw.float64)).item()
        assert found == pytest.approx(want, rel=1e-12)


def test_one_hot_samples_have_the_probabilities():
    tw.manual_seed(0)
    probs = tw.tensor([0.2, 0.3, 0.5], requires_grad=True)
    drawn = d.OneHotCategorical(probs).sample((N,))
    assert (drawn.sum(-1) == 1).all()
    np.testing.assert_allclose(drawn.mean(0).numpy(), probs.detach().numpy(), atol=0.015)
    through = d.OneHotCategoricalStraightThrough(probs).rsample()
    assert sorted(through.tolist()) == [0, 0, 1]
    (through * tw.tensor([1.0, 2.0, 4.0])).sum().backward()
    np.testing.assert_allclose(probs.grad.numpy(), np.array([1, 2, 4]) - 2.8, rtol=1e-5)


def test_relaxed_samples_round_to_the_classes():
    """At any temperature the largest of a relaxed sample is a sample of the Categorical."""
    tw.manual_seed(0)
    relaxed = d.RelaxedOneHotCategorical(0.5, tw.tensor([0.2, 0.3, 0.5]))
    share = np.bincount(relaxed.sample((N,)).argmax(-1).numpy(), minlength=3) / N
    np.testing.assert_allclose(share, [0.2, 0.3, 0.5], atol=0.015)
    logits = tw.tensor(0.4, requires_grad=True)
    drawn = d.RelaxedBernoulli(0.5, logits=logits).rsample((N,))
    assert (drawn > 0.5).float().mean().item() == pytest.approx(1 / (1 + math.exp(-0.4)), abs=0.015)
    drawn.mean().backward()
    assert logits.grad.item() > 0


def test_mixtures_of_several_dimensions_draw_whole_samples():
    tw.manual_seed(0)
    parts = d.Independent(d.Normal(tw.tensor([[5.0, 5.0], [-5.0, -5.0]]), 0.1), 1)
    drawn = d.MixtureSameFamily(d.Categorical(tw.ones(2)), parts).sample((50,))
    assert (drawn[:, 0].sign() == drawn[:, 1].sign()).all()
    assert 10 < (drawn[:, 0] > 0).sum().item() < 40
    with pytest.raises(ShapeError, match="the 3 classes"):
        d.MixtureSameFamily(d.Categorical(tw.ones(3)), parts)


def test_transforms_that_can_not_be():
    with pytest.raises(ArgumentError, match="at least one"):
        d.ComposeTransform([])
    with pytest.raises(ShapeError, match="works on 1 axes"):
        d.TransformedDistribution(d.Normal(0.0, 1.0), d.AffineTransform(0.0, 1.0, event_dim=1))
    assert d.ExpTransform().inv.inv(tw.tensor(0.0)).item() == 1
    assert repr(d.ExpTransform().inv) == "ExpTransform().inv"
