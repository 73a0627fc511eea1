"""Random numbers: the generator's words by its own definition, distributions by their moments and CDFs, seeds."""

import copy
import math

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import DtypeError, ShapeError, ThalwegError

N = 40_000


def philox(counter, key):
    """Philox-4x64-10 (Salmon et al. 2011), in Python's integers: the four words of one block."""
    mask = 2**64 - 1
    x, k = list(counter), list(key)
    for _ in range(10):
        low = x[0] * 0xD2E7470EE14C6C93
        high = x[2] * 0xCA5A826395121157
        x = [(high >> 64) ^ x[1] ^ k[0], high & mask, (low >> 64) ^ x[3] ^ k[1], low & mask]
        k = [(k[0] + 0x9E3779B97F4A7C15) & mask, (k[1] + 0xBB67AE8584CAA73B) & mask]
    return x


def distance(sample, cdf):
    """Kolmogorov and Smirnov's: the largest distance of the empirical from the true distribution function."""
    x = np.sort(np.asarray(sample, np.float64))
    f = np.vectorize(cdf)(x)
    n = len(x)
    return max(np.max(np.arange(1, n + 1) / n - f), np.max(f - np.arange(n) / n))


def normal_cdf(x):
    return (1 + math.erf(x / math.sqrt(2))) / 2


LIMIT = 1.95 / math.sqrt(N)  # exceeded by one sample in a thousand


@pytest.fixture(autouse=True)
def _seeded():
    state = tw.get_rng_state()
    tw.manual_seed(20)
    yield
    tw.set_rng_state(state)


# -- the generator ----------------------------------------------------------------------------------------


def test_the_reference_agrees_with_the_published_answer():
    assert philox([0] * 4, [0] * 2) == [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**63 + 7, -1])
def test_words_are_philox_blocks_counted_from_1(seed):
    words = tw.Generator().manual_seed(seed).words(12)
    expected = [w for c in (1, 2, 3) for w in philox([c, 0, 0, 0], [seed % 2**64, 0])]
    assert [int(w) for w in words] == expected


def test_every_draw_starts_a_new_block():
    g = tw.Generator().manual_seed(3)
    first, second = g.words(3), g.words(6)
    blocks = [philox([c, 0, 0, 0], [3, 0]) for c in (1, 2, 3)]
    assert [int(w) for w in first] == blocks[0][:3]
    assert [int(w) for w in second] == blocks[1] + blocks[2][:2]
    assert len(g.words(0)) == 0


def test_seeds_repeat_and_differ():
    tw.manual_seed(1)
    a = tw.rand(5), tw.randn(5), tw.randint(100, (5,)), tw.randperm(5)
    tw.manual_seed(1)
    b = tw.rand(5), tw.randn(5), tw.randint(100, (5,)), tw.randperm(5)
    assert all(tw.equal(x, y) for x, y in zip(a, b, strict=True))
    tw.manual_seed(2)
    assert not tw.equal(tw.rand(5), a[0])
    assert tw.initial_seed() == 2
    assert tw.manual_seed(7) is tw.ops.random.default_generator
    s = tw.seed()
    assert tw.initial_seed() == s


def test_states_are_saved_and_restored():
    tw.rand(3)
    state = tw.get_rng_state()
    a = tw.randn(4)
    tw.set_rng_state(state)
    assert tw.equal(tw.randn(4), a)
    g = tw.Generator()
    g.set_state(state)
    assert tw.equal(tw.randn(4, generator=g), a)
    with pytest.raises(ShapeError, match="int64 tensor of 2 elements"):
        tw.set_rng_state(tw.zeros(3))


def test_generators_are_independent():
    g = tw.Generator().manual_seed(5)
    before = tw.get_rng_state()
    a = tw.rand(3, generator=g)
    assert tw.equal(tw.get_rng_state(), before)
    assert tw.equal(tw.rand(3, generator=tw.Generator().manual_seed(5)), a)
    assert g.initial_seed() == 5
    h = tw.Generator()
    h.set_state(g.get_state())
    assert tw.equal(tw.rand(2, generator=h), tw.rand(2, generator=g))
    assert isinstance(g.seed(), int)


def test_float32_and_float64_take_their_bits_from_the_top():
    word = philox([1, 0, 0, 0], [9, 0])[0]
    x = tw.Generator().manual_seed(9).uniform((1,), np.dtype(np.float64))
    assert x[0] == (word >> 11) * 2.0**-53
    y = tw.Generator().manual_seed(9).uniform((2,), np.dtype(np.float32))
    assert y.tolist() == [((word & 0xFFFFFFFF) >> 8) * 2.0**-24, (word >> 40) * 2.0**-24]


# -- distributions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [tw.float16, tw.float32, tw.float64])
def test_uniform(dtype):
    x = tw.rand(N, dtype=dtype)
    assert x.dtype is dtype
    a = x.double().numpy()
    assert a.min() >= 0 and a.max() < 1
    assert abs(a.mean() - 0.5) < 4 * math.sqrt(1 / 12 / N)
    assert abs(a.var() - 1 / 12) < 4 * math.sqrt(1 / 180 / N)
    assert distance(a, lambda v: v) < LIMIT + (2**-11 if dtype is tw.float16 else 0)
    pairs = np.histogram2d(a[::2], a[1::2], 8, [[0, 1], [0, 1]])[0]
    assert np.sum((pairs - N / 128) ** 2) / (N / 128) < 63 + 4 * math.sqrt(126)  # chi-squared of neighbours


@pytest.mark.parametrize("dtype", [tw.float16, tw.float32, tw.float64])
def test_normal(dtype):
    x = tw.randn(N, dtype=dtype)
    assert x.dtype is dtype
    a = x.double().numpy()
    assert abs(a.mean()) < 4 / math.sqrt(N)
    assert abs(a.var() - 1) < 4 * math.sqrt(2 / N)
    assert abs((a**3).mean()) < 4 * math.sqrt(15 / N)
    assert abs((a**4).mean() - 3) < 4 * math.sqrt(96 / N)
    assert distance(a, normal_cdf) < LIMIT + (1e-3 if dtype is tw.float16 else 0)
    assert abs(np.corrcoef(a[: N // 2], a[N // 2 :])[0, 1]) < 4 / math.sqrt(N / 2)  # the two halves share radii
    assert np.all(np.isfinite(a))


def test_normal_with_parameters():
    assert abs(tw.normal(3.0, 0.5, (N,)).double().mean().item() - 3) < 4 * 0.5 / math.sqrt(N)
    mean, std = tw.tensor([0.0, 100.0]), tw.tensor([[1.0], [0.0]])
    x = tw.normal(mean, std)
    assert x.shape == (2, 2)
    assert x[1].tolist() == [0.0, 100.0]
    assert tw.normal(mean, 0.0).tolist() == [0.0, 100.0]
    assert tw.normal(5.0, tw.zeros(3)).tolist() == [5.0] * 3


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 10), (-3, 4), (0, 2**31), (-(2**62), 2**62), (-(2**63), 2**63 - 1)]
)
def test_integers(low, high):
    x = tw.randint(low, high, (N,))
    assert x.dtype is tw.int64
    a = x.numpy()
    assert a.min() >= low and a.max() < high
    u = (a.astype(np.float64) - low) / (high - low)
    if high - low > 1000:
        assert distance(u, lambda v: min(max(v, 0), 1)) < LIMIT
    else:
        counts = np.bincount(a - low, minlength=high - low)
        n = high - low
        assert np.sum((counts - N / n) ** 2) / (N / n) < n - 1 + 4 * math.sqrt(2 * n)


def test_integer_arguments():
    assert tw.randint(5, (2, 3)).shape == (2, 3)
    assert tw.randint(3, 5, (4,), dtype=tw.int8).dtype is tw.int8
    assert tw.randint(2, (3,), dtype=tw.float32).dtype is tw.float32
    assert tw.randint(5, ()).shape == ()
    with pytest.raises(ThalwegError, match=r"\[5, 5\)"):
        tw.randint(5, 5, (1,))
    with pytest.raises(TypeError, match="low, high, size"):
        tw.randint(5)


def test_permutations():
    p = tw.randperm(100)
    assert p.dtype is tw.int64
    assert sorted(p.tolist()) == list(range(100))
    assert p.tolist() != list(range(100))
    assert tw.randperm(0).shape == (0,)
    counts = np.zeros((4, 4))
    for _ in range(2000):
        counts[np.arange(4), tw.randperm(4).numpy()] += 1
    assert np.sum((counts - 500) ** 2) / 500 < 9 + 4 * math.sqrt(18)


def test_bernoulli():
    p = tw.tensor([0.0, 0.3, 1.0]).expand(N, 3)
    x = tw.bernoulli(p)
    assert x.dtype is tw.float32
    mean = x.double().mean(0).tolist()
    assert mean[0] == 0 and mean[2] == 1
    assert abs(mean[1] - 0.3) < 4 * math.sqrt(0.21 / N)
    assert set(x.flatten().tolist()) == {0.0, 1.0}
    assert tw.bernoulli(tw.zeros(5, dtype=tw.float64), 1.0).tolist() == [1.0] * 5
    for bad in (1.5, -0.1, float("nan")):
        with pytest.raises(ThalwegError, match="between 0 and 1"):
            tw.bernoulli(tw.tensor([bad]))


def test_multinomial_with_replacement():
    weights = tw.tensor([[1.0, 0.0, 3.0], [2.0, 2.0, 0.0]])
    x = tw.multinomial(weights, N, replacement=True)
    assert x.shape == (2, N) and x.dtype is tw.int64
    share = np.stack([np.bincount(row, minlength=3) / N for row in x.numpy()])
    np.testing.assert_allclose(share, [[0.25, 0, 0.75], [0.5, 0.5, 0]], atol=4 * math.sqrt(0.25 / N))
    assert share[0, 1] == share[1, 2] == 0


def test_multinomial_without_replacement():
    weights = tw.tensor([1.0, 2.0, 3.0, 0.0])
    firsts = np.zeros(4)
    for _ in range(3000):
        x = tw.multinomial(weights, 3).tolist()
        assert sorted(x) == [0, 1, 2]
        firsts[x[0]] += 1
    np.testing.assert_allclose(firsts / 3000, [1 / 6, 2 / 6, 3 / 6, 0], atol=4 * math.sqrt(0.25 / 3000))
    with pytest.raises(ThalwegError, match="4 samples"):
        tw.multinomial(weights, 4)
    for bad in ([0.0, 0.0], [-1.0, 2.0], [float("nan"), 1.0], [float("inf"), 1.0]):
        with pytest.raises(ThalwegError, match="multinomial"):
            tw.multinomial(tw.tensor(bad), 1, replacement=True)


# -- creation ---------------------------------------------------------------------------------------------


def test_shapes_and_flags():
    for f in (tw.rand, tw.randn):
        assert f(2, 3).shape == f((2, 3)).shape == f(tw.Size([2, 3])).shape == (2, 3)
        assert f(()).shape == f().shape == ()
        assert f(0, 3).shape == (0, 3)
        assert f(2, requires_grad=True).requires_grad
        with pytest.raises(DtypeError, match="int64"):
            f(2, dtype=tw.int64)
        with pytest.raises(ShapeError, match="-1"):
            f(-1)
    x = tw.zeros(2, 3, dtype=tw.float64)
    assert tw.rand_like(x).dtype is tw.randn_like(x).dtype is tw.float64
    assert tw.rand_like(x).shape == (2, 3)
    assert tw.randn_like(x, dtype=tw.float16).dtype is tw.float16


def test_in_place_fills_use_the_same_stream():
    tw.manual_seed(4)
    a, b = tw.rand(6), tw.randn(6)
    tw.manual_seed(4)
    x, y = tw.zeros(6).uniform_(), tw.zeros(6).normal_()
    assert tw.equal(a, x) and tw.equal(b, y)
    g = tw.Generator().manual_seed(4)
    assert tw.equal(tw.zeros(6).uniform_(generator=g), a)
    tw.manual_seed(4)
    assert tw.allclose(tw.zeros(6).uniform_(-1, 3), -1 + 4 * a)
    tw.manual_seed(4)
    tw.zeros(6).uniform_()
    assert tw.allclose(tw.zeros(6).normal_(2, 0.5), 2 + 0.5 * b)


def test_draws_do_not_depend_on_memory_order():
    tw.manual_seed(4)
    a = tw.zeros(3, 4).uniform_()
    tw.manual_seed(4)
    b = tw.zeros(4, 3).T.uniform_()
    assert tw.equal(a, b)


def test_generators_can_be_copied():
    g = tw.Generator().manual_seed(5)
    tw.rand(3, generator=g)
    h = copy.deepcopy(g)
    assert tw.equal(tw.rand(3, generator=g), tw.rand(3, generator=h))
