"""Parametrizations, lazy layers, packed sequences and CTC beside PyTorch's."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")]
RNG = np.random.default_rng(3)


def same(ours: Any, theirs: Any, tolerance: float = 1e-9) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def load(ours: Any, theirs: Any) -> None:
    """Both with the state of PyTorch's; the names and shapes agree."""
    state = theirs.state_dict()
    assert [(n, tuple(x.shape)) for n, x in ours.state_dict().items()] == [
        (n, tuple(x.shape)) for n, x in state.items()
    ]
    ours.load_state_dict({n: tw.tensor(x.numpy()) for n, x in state.items()})


def train_alike(ours: Any, theirs: Any, x: Any, steps: int = 3) -> None:
    """A few steps of gradient descent give the same outputs and states."""
    a, b = tw.optim.SGD(ours.parameters(), 0.1), torch.optim.SGD(theirs.parameters(), 0.1)
    for _ in range(steps):
        y, t = ours(tw.tensor(x)), theirs(torch.tensor(x))
        same(y, t)
        for optimizer, loss in ((a, y.square().mean()), (b, t.square().mean())):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for p, q in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        same(p, q)


LAYERS = [("Linear", (4, 3), (5, 4)), ("Conv2d", (2, 3, 2), (2, 2, 4, 4)), ("ConvTranspose1d", (2, 3, 2), (2, 2, 4))]


@pytest.mark.parametrize("form", ["nn.utils", "nn.utils.parametrizations"])
@pytest.mark.parametrize(("kind", "options"), [
    ("weight_norm", {}), ("weight_norm", {"dim": 1}), ("weight_norm", {"dim": None}), ("spectral_norm", {}),
    ("spectral_norm", {"n_power_iterations": 2}), ("spectral_norm", {"dim": 1}),
])  # fmt: skip
@pytest.mark.parametrize(("name", "args", "shape"), LAYERS)
def test_norms_of_weights(form, kind, options, name, args, shape):
    pair = []
    for library in (tw, torch):
        place = library.nn.utils if form == "nn.utils" else library.nn.utils.parametrizations
        layer = getattr(library.nn, name)(*args).double()
        pair.append(getattr(place, kind)(layer, **options))
    assert repr(pair[0]) == repr(pair[1])
    load(*pair)
    train_alike(*pair, RNG.normal(size=shape))
    for layer in pair:
        layer.eval()
    x = RNG.normal(size=shape)
    same(pair[0](tw.tensor(x)), pair[1](torch.tensor(x)))


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_norms_of_weights_are_removed(kind):
    for form in ("old", "new"):
        layer = tw.nn.Linear(3, 2)
        place = tw.nn.utils if form == "old" else tw.nn.utils.parametrizations
        getattr(place, kind)(layer)
        x = tw.randn(4, 3)
        layer.eval()
        wanted = layer(x)
        if form == "old":
            getattr(tw.nn.utils, f"remove_{kind}")(layer)
        else:
            tw.nn.utils.parametrize.remove_parametrizations(layer, "weight")
        assert type(layer) is tw.nn.Linear
        assert sorted(layer.state_dict()) == ["bias", "weight"]
        np.testing.assert_allclose(layer(x).detach().numpy(), wanted.detach().numpy(), rtol=1e-6)
        assert isinstance(layer.weight, tw.nn.Parameter)


class Doubled:
    """Two modules of one definition, one for each library."""

    def __new__(cls, library: Any) -> Any:
        class Double(library.nn.Module):
            def forward(self, x):
                return 2 * x

            def right_inverse(self, y):
                return y / 2

        return Double()


def test_parametrizations_behave_alike():
    results = []
    for library in (tw, torch):
        parametrize = library.nn.utils.parametrize
        layer = library.nn.Linear(2, 2, bias=False).double()
        with library.no_grad():
            layer.weight.copy_(library.tensor([[1.0, 2.0], [3.0, 4.0]]))
        parametrize.register_parametrization(layer, "weight", Doubled(library))
        parametrize.register_parametrization(layer, "weight", Doubled(library))
        names = [n for n, _ in layer.named_parameters()]
        twin = copy.deepcopy(layer)
        copied = twin.weight.tolist()
        layer.weight = library.tensor([[8.0, 0.0], [0.0, 4.0]], dtype=library.float64)
        with parametrize.cached():
            once = layer.weight is layer.weight
        original = layer.parametrizations.weight.original.tolist()
        parametrize.remove_parametrizations(layer, "weight")
        results.append(
            (names, copied, once, original, layer.weight.tolist(), type(layer).__name__,
             parametrize.is_parametrized(layer), parametrize.is_parametrized(twin, "weight"))
        )  # fmt: skip
        if library is tw:  # which gives each module a class of its own
            assert twin.weight.tolist() == copied
    assert results[0] == results[1]


def test_old_weight_norm_entries_load_into_the_new_form():
    old = torch.nn.utils.weight_norm(torch.nn.Linear(3, 2))
    new = tw.nn.utils.parametrizations.weight_norm(tw.nn.Linear(3, 2))
    new.load_state_dict({n: tw.tensor(x.numpy()) for n, x in old.state_dict().items()})
    x = RNG.normal(size=(4, 3)).astype(np.float32)
    same(new(tw.tensor(x)), old(torch.tensor(x)), 1e-6)


@pytest.mark.parametrize("chosen", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("sizes", [(3, 3), (3, 5), (5, 3)])
@pytest.mark.parametrize("trivial", [False, True])
def test_orthogonal_weights(chosen, sizes, trivial):
    ours, theirs = (
        library.nn.utils.parametrizations.orthogonal(
            library.nn.Linear(*sizes).double(), orthogonal_map=chosen, use_trivialization=trivial
        )
        for library in (tw, torch)
    )
    if not trivial and chosen != "householder":
        for layer in (ours, theirs):
            layer.parametrizations.weight.original.data.mul_(3.0)
    assert repr(ours) == repr(theirs)
    load(ours, theirs)
    train_alike(ours, theirs, RNG.normal(size=(4, sizes[0])))
    w = ours.weight.detach().numpy()
    gram = w @ w.T if w.shape[0] < w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-9)
    if trivial or chosen == "householder":
        wanted = np.linalg.qr(RNG.normal(size=(5, 5)))[0][: sizes[1], : sizes[0]]
        if sizes == (3, 3):
            wanted = np.linalg.qr(wanted)[0]
        for library, layer in ((tw, ours), (torch, theirs)):
            layer.weight = library.tensor(wanted)
        same(ours.weight, theirs.weight)


# -- lazy layers ------------------------------------------------------------------------------------------

LAZY = [
    ("LazyLinear", (3,), (2, 5, 4)), ("LazyConv1d", (3, 2), (2, 4, 5)), ("LazyConv2d", (4, 2), (2, 4, 5, 5)),
    ("LazyConv3d", (3, 2), (4, 3, 3, 3)), ("LazyConvTranspose1d", (3, 2), (2, 4, 5)),
    ("LazyConvTranspose2d", (3, 2), (2, 4, 3, 3)), ("LazyConvTranspose3d", (3, 2), (2, 4, 2, 2, 2)),
    ("LazyBatchNorm1d", (), (2, 4, 5)), ("LazyBatchNorm2d", (), (2, 4, 3, 3)), ("LazyBatchNorm3d", (), (2, 4, 2, 2, 2)),
    ("LazyInstanceNorm1d", (), (2, 4, 5)), ("LazyInstanceNorm2d", (), (2, 4, 3, 3)),
    ("LazyInstanceNorm3d", (), (2, 4, 2, 2, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "shape"), LAZY)
def test_lazy_layers(name, args, shape):
    ours, theirs = (getattr(library.nn, name)(*args) for library in (tw, torch))
    assert repr(ours) == repr(theirs)
    assert ours.has_uninitialized_params()
    x = RNG.normal(size=shape).astype(np.float32)
    y, t = ours(tw.tensor(x)), theirs(torch.tensor(x))
    assert y.shape == tuple(t.shape)
    assert repr(ours) == repr(theirs)
    assert type(ours) is getattr(tw.nn, name.replace("Lazy", ""))
    assert all(type(p) is tw.nn.Parameter for p in ours.parameters())
    load(ours, theirs)
    same(ours(tw.tensor(x)), theirs(torch.tensor(x)), 1e-5)


def test_lazy_layers_take_the_shapes_of_a_state_dict():
    layer = tw.nn.LazyLinear(3)
    with pytest.raises(RuntimeError, match="no shape"):
        layer.weight.shape  # noqa: B018
    layer.load_state_dict(tw.nn.Linear(4, 3).state_dict())
    assert layer.weight.shape == (3, 4)
    assert layer(tw.ones(2, 4)).shape == (2, 3)
    assert type(layer) is tw.nn.Linear
    assert layer.in_features == 4
    empty = tw.nn.LazyLinear(3)
    empty.load_state_dict(tw.nn.LazyLinear(3).state_dict())
    assert empty.has_uninitialized_params()


# -- packed sequences -------------------------------------------------------------------------------------


def packed(library: Any, x: Any, lengths: list[int], **options: Any) -> Any:
    return library.nn.utils.rnn.pack_padded_sequence(library.tensor(x, requires_grad=True), lengths, **options)


@pytest.mark.parametrize("lengths", [[4, 3, 1], [2, 4, 4], [1, 1, 1], [3, 4, 2]])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}])
def test_recurrence_over_packed_sequences(kind, lengths, options):
    theirs = getattr(torch.nn, kind)(2, 3, **options).double()
    ours = getattr(tw.nn, kind)(2, 3, **options).double()
    load(ours, theirs)
    x = RNG.normal(size=(4, 3, 2))
    rows = theirs.num_layers * (1 + theirs.bidirectional)
    for with_state in (False, True):
        h = RNG.normal(size=(2, rows, 3, 3))
        results = []
        for library, layer in ((tw, ours), (torch, theirs)):
            first = [library.tensor(a) for a in h][: 1 + (kind == "LSTM")]
            hx = (tuple(first) if kind == "LSTM" else first[0]) if with_state else None
            sequence = packed(library, x, lengths, enforce_sorted=False)
            y, last = layer(sequence, hx)
            padded, sizes = library.nn.utils.rnn.pad_packed_sequence(y, padding_value=0.5, total_length=5)
            last = last if isinstance(last, tuple) else (last,)
            loss = (padded * padded).sum() + sum(s.sum() for s in last)
            gradients = library.autograd.grad(loss, list(layer.parameters()))
            results.append([padded, sizes, *last, *gradients])
        for a, b in zip(*results, strict=True):
            same(a, b)


def test_packing_and_unpacking():
    x = RNG.normal(size=(3, 4, 2))
    for options in ({}, {"batch_first": True, "enforce_sorted": False}):
        lengths = [3, 2, 2, 1] if not options else [2, 4, 1]
        ours, theirs = packed(tw, x, lengths, **options), packed(torch, x, lengths, **options)
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                same(a, b)
        for a, b in zip(tw.nn.utils.rnn.unpack_sequence(ours), torch.nn.utils.rnn.unpack_sequence(theirs), strict=True):
            same(a, b)
        assert ours.double().data.dtype is tw.float64
    with pytest.raises(RuntimeError, match="enforce_sorted"):
        packed(tw, x, [1, 2, 3, 3])
    with pytest.raises(RuntimeError, match="from 1 to 3"):
        packed(tw, x, [4, 2, 1, 1])


# -- sequence losses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize(("times", "counts"), [([6, 5, 4], [2, 3, 1]), ([6, 6, 6], [3, 0, 2]), ([6, 2, 3], [2, 3, 0])])
def test_ctc(reduction, joined, times, counts):
    labels = np.array([[1, 1, 2], [3, 2, 3], [2, 1, 1]])
    flat = np.concatenate([row[:n] for row, n in zip(labels, counts, strict=True)])
    scores = RNG.normal(size=(6, 3, 4))
    for zero_infinity in (False, True):
        results = []
        for library in (tw, torch):
            x = library.tensor(scores, requires_grad=True)
            targets = library.tensor(flat if joined else labels)
            loss = library.nn.CTCLoss(reduction=reduction, zero_infinity=zero_infinity)(
                x.log_softmax(2), targets, library.tensor(times), library.tensor(counts)
            )
            finite = loss.isfinite().all()
            results.append([loss, library.autograd.grad(loss.sum(), x)[0]] if finite else [loss])
        for a, b in zip(*results, strict=True):
            same(a, b)


def test_ctc_without_a_batch_and_with_another_blank():
    scores = RNG.normal(size=(5, 4))
    results = []
    for library in (tw, torch):
        x = library.tensor(scores, requires_grad=True)
        loss = library.nn.functional.ctc_loss(x.log_softmax(1), library.tensor([0, 1]), (5,), (2,), blank=3)
        results.append([loss, library.autograd.grad(loss, x)[0]])
    for a, b in zip(*results, strict=True):
        same(a, b)


def test_ctc_has_second_derivatives():
    labels, lengths = tw.tensor([[1, 2], [2, 2]]), ([4, 4], [2, 2])
    x = tw.tensor(RNG.normal(size=(4, 2, 3)), requires_grad=True)
    assert tw.autograd.gradgradcheck(lambda x: tw.nn.functional.ctc_loss(x.log_softmax(2), labels, *lengths), [x])


def test_adaptive_softmax():
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, head_bias=True).double()
    ours = tw.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, head_bias=True).double()
    assert repr(ours) == repr(theirs)
    load(ours, theirs)
    x, t = RNG.normal(size=(12, 8)), RNG.permutation(12)
    results = []
    for library, layer in ((tw, ours), (torch, theirs)):
        a = library.tensor(x, requires_grad=True)
        output, loss = layer(a, library.tensor(t))
        gradients = library.autograd.grad(loss, [a, *layer.parameters()])
        results.append([output, loss, layer.log_prob(a), layer.predict(a), *gradients])
    for a, b in zip(*results, strict=True):
        same(a, b)
    same(ours(tw.tensor(x[0]), tw.tensor(4)).output, theirs(torch.tensor(x[0]), torch.tensor(4)).output)
