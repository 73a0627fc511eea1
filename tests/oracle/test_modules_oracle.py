"""Modules that need more than one call to compare: stacks, base classes, what is made later, what changes modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

from .harness import outputs

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.parametrize")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]


def set_state(m: Any, module: Any, seed: int = 0) -> Any:
    """Fixed numbers for all parameters and buffers, in their order."""
    rng = np.random.default_rng(seed)
    for x in [*module.parameters(), *module.buffers()]:
        if str(x.dtype).endswith("float64"):
            x.data = m.tensor(rng.uniform(0.1, 0.5, tuple(x.shape)))
    return module


def array(m: Any, *shape: int) -> Any:
    return m.tensor(np.random.default_rng(7).uniform(-1, 1, shape), requires_grad=True)


def encoder(m: Any) -> Any:
    layer = m.nn.TransformerEncoderLayer(4, 2, 6, 0.0, activation="gelu")
    stack = set_state(m, m.nn.TransformerEncoder(layer, 2, m.nn.LayerNorm(4)).double())
    x = array(m, 3, 2, 4)
    mask = m.nn.Transformer.generate_square_subsequent_mask(3, dtype=m.float64)
    y = stack(x, mask=mask)
    return y, stack(x), *m.autograd.grad((y * y).sum(), [x, *stack.parameters()])


def decoder(m: Any) -> Any:
    layer = m.nn.TransformerDecoderLayer(4, 2, 6, 0.0, norm_first=True)
    stack = set_state(m, m.nn.TransformerDecoder(layer, 2, m.nn.LayerNorm(4)).double())
    x, memory = array(m, 3, 2, 4), array(m, 5, 2, 4)
    mask = m.nn.Transformer.generate_square_subsequent_mask(3, dtype=m.float64)
    y = stack(x, memory, tgt_mask=mask)
    return y, *m.autograd.grad((y * y).sum(), [x, memory, *stack.parameters()])


def fractional(m: Any) -> Any:
    """With the random samples given, so that both pool the same windows."""
    results = []
    for n, size in ((2, (5, 6)), (3, (7, 6, 6))):
        samples = m.tensor(np.random.default_rng(n).uniform(size=(2, 3, n)))
        for options in ({"output_size": 3}, {"output_ratio": 0.6, "return_indices": True}):
            layer = {2: m.nn.FractionalMaxPool2d, 3: m.nn.FractionalMaxPool3d}[n](2, **options, _random_samples=samples)
            results += outputs(layer(array(m, 2, 3, *size)))
    return results


def orthogonal(m: Any) -> Any:
    made = [m.nn.init.orthogonal_(m.empty(*s, dtype=m.float64), 2.0) for s in ((3, 5), (5, 3), (2, 2, 3))]
    return [x.flatten(1) @ x.flatten(1).T if x.shape[0] < 5 else x.T @ x for x in made]


def batch_norms_replaced(m: Any) -> Any:
    net = set_state(m, m.nn.Sequential(m.nn.Linear(4, 3), m.nn.BatchNorm1d(3)).double())
    m.func.replace_all_batch_norm_modules_(net)
    x = array(m, 5, 4)
    y = net(x)
    return y, m.autograd.grad((y * y).sum(), x)[0], m.tensor(float(net[1].track_running_stats))


def norms_removed(m: Any) -> Any:
    results = []
    for kind in ("weight_norm", "spectral_norm"):
        layer = set_state(m, m.nn.Linear(4, 3).double())
        getattr(m.nn.utils, kind)(layer)
        if kind == "spectral_norm":
            layer.eval()
        else:
            layer.weight_g.data = layer.weight_g.data * 2
        before = layer(array(m, 5, 4))
        {"weight_norm": m.nn.utils.remove_weight_norm, "spectral_norm": m.nn.utils.remove_spectral_norm}[kind](layer)
        results += [layer(array(m, 5, 4)) - before, m.tensor(float(len(list(layer.parameters()))))]
    return results


def parametrizations_moved(m: Any) -> Any:
    parametrize = m.nn.utils.parametrize
    layers = [set_state(m, m.nn.Linear(4, 3).double(), seed) for seed in (1, 2)]
    m.nn.utils.parametrizations.weight_norm(layers[0])
    parametrize.transfer_parametrizations_and_params(layers[0], layers[1])
    assert parametrize.type_before_parametrizations(layers[1]) is m.nn.Linear
    assert isinstance(layers[1].parametrizations.weight, parametrize.ParametrizationList)
    return [layers[1](array(m, 5, 4)), layers[1].weight]


def packed(m: Any) -> Any:
    rnn = m.nn.utils.rnn
    p = rnn.pack_padded_sequence(array(m, 4, 3, 2), [2, 4, 1], enforce_sorted=False)
    assert isinstance(p, rnn.PackedSequence)
    assert [str(q.data.dtype).split(".")[1] for q in (p.float(), p.to(m.float64))] == ["float32", "float64"]
    return [*p, rnn.invert_permutation(m.tensor([2, 0, 1])), *rnn.pad_packed_sequence(p, total_length=5)]


PROGRAMS: list[Callable[[Any], Any]] = [
    encoder, decoder, fractional, orthogonal, batch_norms_replaced, norms_removed, parametrizations_moved, packed,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_tensors_in_both(program: Callable[[Any], Any]) -> None:
    ours, theirs = outputs(program(tw)), outputs(program(torch))
    assert len(ours) == len(theirs)
    for x, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x.detach().numpy(), t.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_base_classes() -> None:
    for m in (tw, torch):
        assert all(issubclass(getattr(m.nn, n), m.nn.RNNBase) for n in ("RNN", "LSTM", "GRU"))
        assert all(issubclass(getattr(m.nn, n), m.nn.RNNCellBase) for n in ("RNNCell", "LSTMCell", "GRUCell"))
        assert issubclass(m.distributions.Normal, m.distributions.Distribution)
        assert issubclass(m.utils.data.BatchSampler, m.utils.data.Sampler)
        assert m.utils.data.get_worker_info() is None  # this is no worker


def test_uninitialised() -> None:
    for m in (tw, torch):
        layer = m.nn.LazyBatchNorm1d()
        assert isinstance(layer.weight, m.nn.UninitializedParameter)
        assert isinstance(layer.running_mean, m.nn.UninitializedBuffer)
        assert not isinstance(layer(m.ones(2, 3)), m.nn.UninitializedParameter)
        assert isinstance(layer.weight, m.nn.Parameter)
        with pytest.raises(RuntimeError):
            m.nn.UninitializedParameter().shape  # noqa: B018
        p = m.nn.UninitializedParameter()
        p.materialize((2, 3))
        assert tuple(p.shape) == (2, 3)


def test_singular_vectors_up_to_their_signs() -> None:
    for full in (True, False):
        x = np.random.default_rng(2).normal(size=(2, 4, 3))
        ours, theirs = (m.linalg.svd(m.tensor(x), full_matrices=full) for m in (tw, torch))
        np.testing.assert_allclose(ours[1].numpy(), theirs[1].numpy(), rtol=1e-9)
        for y, t in ((ours[0][..., :3], theirs[0][..., :3]), (ours[2], theirs[2])):
            np.testing.assert_allclose(abs(y.numpy()), abs(t.numpy()), rtol=1e-9, atol=1e-12)
        assert ours.U.shape == theirs.U.shape
