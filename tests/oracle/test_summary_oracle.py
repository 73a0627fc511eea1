"""FLOPs of whole models beside PyTorch's counter, which counts the products of matrices and convolutions alone."""

from __future__ import annotations

import pytest

import thalweg as tw
from thalweg.ops import conv, linalg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

PRODUCTS = (conv.Convolution, conv.ConvolutionInput, linalg.Linear, linalg.Matmul)


def mlp(lib):
    return lib.nn.Sequential(lib.nn.Linear(20, 30), lib.nn.Tanh(), lib.nn.Linear(30, 5))


def convolutional(lib):
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, (3, 1), groups=4, dilation=(2, 1)),
        nn.MaxPool2d(2), nn.ConvTranspose2d(8, 6, 3, stride=2), nn.Flatten(), nn.LazyLinear(7),
    )  # fmt: skip


def volume(lib):
    return lib.nn.Sequential(lib.nn.Conv3d(2, 4, (1, 3, 3)), lib.nn.Conv3d(4, 2, 2, stride=2))


def signal(lib):
    return lib.nn.Sequential(lib.nn.Conv1d(4, 8, 5, padding="same"), lib.nn.Conv1d(8, 8, 3, groups=8))


def transformer(lib):
    layer = lib.nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    return lib.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


MODELS = [
    (mlp, (6, 20)), (convolutional, (2, 3, 17, 17)), (volume, (2, 2, 4, 6, 6)), (signal, (3, 4, 12)),
    (transformer, (2, 5, 16)),
]  # fmt: skip


@pytest.fixture
def products_only(monkeypatch):
    """All other operations, and the biases within these, count nothing."""
    for cls in _all_primitives(tw.core.primitive.Primitive):
        if not issubclass(cls, PRODUCTS) and "flops" in vars(cls) and cls.__module__.startswith("thalweg.ops"):
            monkeypatch.setattr(cls, "flops", lambda *args, **kwargs: 0)
    whole = linalg.Linear.flops
    monkeypatch.setattr(linalg.Linear, "flops", lambda self, y, x, w, bias: whole(self, y, x, w, None))


def _all_primitives(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _all_primitives(sub)


@pytest.mark.parametrize(("model", "shape"), MODELS, ids=lambda x: getattr(x, "__name__", ""))
def test_products_are_counted_as_pytorch_does(model, shape, products_only):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    theirs = model(torch).train()
    with torch.no_grad():
        theirs(torch.zeros(*shape))  # for lazy layers
    # Of its forms of attention on the CPU the counter knows only the one that is composed of products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        theirs(torch.zeros(*shape))
    assert model(tw).summary(tw.zeros(*shape)).flops == counter.get_total_flops()
    assert model(tw).summary(tw.zeros(*shape)).parameters == sum(p.numel() for p in theirs.parameters())
