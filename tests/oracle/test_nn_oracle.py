"""Layers, activations, containers, initialisations and clipping beside PyTorch's, in float64."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

RTOL = ATOL = 1e-9
inf = np.inf


def numbers(*shape: int, seed: int = 0) -> Any:
    """Normal numbers, times 3, so that activations meet all their branches."""
    return 3 * np.random.default_rng([seed, *shape]).normal(size=shape)


def close(ours: Any, theirs: Any, what: str) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape), what
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), RTOL, ATOL, err_msg=what)


def weighted(lib: Any, y: Any, seed: int) -> Any:
    return (y * lib.tensor(numbers(*y.shape, seed=seed))).sum()


def derivatives(lib: Any, function: Callable[..., Any], leaves: list[Any]) -> list[Any]:
    """The output, its gradient by each leaf, and the gradient of a weighting of those."""
    y = function(*leaves)
    first = lib.autograd.grad(weighted(lib, y, 1), leaves, create_graph=True)
    total = sum(weighted(lib, g, 2 + i) for i, g in enumerate(first))
    if not total.requires_grad:
        return [y, *first]
    second = lib.autograd.grad(total, leaves, allow_unused=True)
    return [y, *first, *(lib.zeros_like(x) if g is None else g for g, x in zip(second, leaves, strict=True))]


def compare(ours: Callable[..., Any], theirs: Callable[..., Any], arrays: list[Any]) -> None:
    """Values and two orders of derivatives of two functions of the same numbers."""
    a = derivatives(tw, ours, [tw.tensor(x, requires_grad=True) for x in arrays])
    b = derivatives(torch, theirs, [torch.tensor(x, requires_grad=True) for x in arrays])
    n = len(arrays)
    labels = ["value", *(f"gradient {i}" for i in range(n)), *(f"second derivative {i}" for i in range(n))]
    # Where one library finds the gradient to be constant, what the other computes as its derivative must be zero.
    for extra in a[len(b) :] + b[len(a) :]:
        assert not extra.any()
    for x, y, label in zip(a, b, labels, strict=False):
        close(x, y, label)


def with_same_state(ours: Any, theirs: Any) -> None:
    """Give both modules the same parameters, and see that they have the same names in the same order."""
    mine = ours.state_dict()
    assert list(mine) == list(theirs.state_dict())
    arrays = {name: numbers(*x.shape, seed=i) / 3 for i, (name, x) in enumerate(mine.items())}
    ours.load_state_dict({name: tw.tensor(x) for name, x in arrays.items()})
    theirs.load_state_dict({name: torch.tensor(x) for name, x in arrays.items()})


def compare_modules(make: Callable[[Any], Any], *shapes: tuple[int, ...]) -> None:
    """Values and two orders of derivatives by the inputs and by the parameters."""
    ours, theirs = make(tw.nn).double(), make(torch.nn).double()
    assert repr(ours) == repr(theirs)
    with_same_state(ours, theirs)
    names = [name for name, _ in theirs.named_parameters()]
    assert names == [name for name, _ in ours.named_parameters()]
    arrays = [numbers(*shape) for shape in shapes] + [p.detach().numpy() for p in theirs.parameters()]

    def run(module: Any) -> Callable[..., Any]:
        def call(*leaves: Any) -> Any:
            for name, p in zip(names, leaves[len(shapes) :], strict=True):
                path, _, last = name.rpartition(".")
                owner = module.get_submodule(path)
                owner._parameters.pop(last, None)  # a plain attribute in the place of the parameter
                owner.__dict__[last] = p
            return module(*leaves[: len(shapes)])

        return call

    compare(run(ours), run(theirs), arrays)


LAYERS: dict[str, tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = {
    "linear": (lambda nn: nn.Linear(3, 2), [(4, 3)]),
    "linear without bias": (lambda nn: nn.Linear(3, 2, bias=False), [(4, 3)]),
    "linear of a vector": (lambda nn: nn.Linear(3, 2), [(3,)]),
    "linear of a batch of matrices": (lambda nn: nn.Linear(3, 2), [(2, 4, 3)]),
    "bilinear": (lambda nn: nn.Bilinear(2, 3, 4), [(5, 2), (5, 3)]),
    "bilinear without bias": (lambda nn: nn.Bilinear(2, 3, 4, bias=False), [(2, 5, 2), (2, 5, 3)]),
    "identity": (lambda nn: nn.Identity(), [(2, 3)]),
    "flatten": (lambda nn: nn.Flatten(), [(2, 3, 4)]),
    "flatten in the middle": (lambda nn: nn.Flatten(1, 2), [(2, 3, 4, 2)]),
    "unflatten": (lambda nn: nn.Unflatten(1, (2, 3)), [(2, 6)]),
    "perceptron": (lambda nn: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)), [(4, 3)]),
    "named sequence": (
        lambda nn: nn.Sequential(OrderedDict(first=nn.Linear(3, 3), act=nn.ELU(), again=nn.Linear(3, 3))),
        [(4, 3)],
    ),
    "cosine similarity": (lambda nn: nn.CosineSimilarity(), [(4, 3), (4, 3)]),
    "pairwise distance": (lambda nn: nn.PairwiseDistance(), [(4, 3), (4, 3)]),
    "pairwise distance of order 3": (lambda nn: nn.PairwiseDistance(3.0, keepdim=True), [(4, 3), (4, 3)]),
}

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda nn: nn.ReLU(),
    "relu6": lambda nn: nn.ReLU6(),
    "leaky_relu": lambda nn: nn.LeakyReLU(0.2),
    "prelu": lambda nn: nn.PReLU(),
    "prelu for channels": lambda nn: nn.PReLU(4),
    "rrelu": lambda nn: nn.RReLU().eval(),
    "elu": lambda nn: nn.ELU(1.5),
    "celu": lambda nn: nn.CELU(1.5),
    "selu": lambda nn: nn.SELU(),
    "gelu": lambda nn: nn.GELU(),
    "gelu by tanh": lambda nn: nn.GELU("tanh"),
    "silu": lambda nn: nn.SiLU(),
    "mish": lambda nn: nn.Mish(),
    "softplus": lambda nn: nn.Softplus(),
    "softplus with a threshold": lambda nn: nn.Softplus(2.0, 3.0),
    "softsign": lambda nn: nn.Softsign(),
    "tanhshrink": lambda nn: nn.Tanhshrink(),
    "softshrink": lambda nn: nn.Softshrink(0.7),
    "hardshrink": lambda nn: nn.Hardshrink(0.7),
    "hardtanh": lambda nn: nn.Hardtanh(-2.0, 1.5),
    "hardswish": lambda nn: nn.Hardswish(),
    "threshold": lambda nn: nn.Threshold(0.1, 20.0),
    "logsigmoid": lambda nn: nn.LogSigmoid(),
    "sigmoid": lambda nn: nn.Sigmoid(),
    "tanh": lambda nn: nn.Tanh(),
    "softmax": lambda nn: nn.Softmax(dim=1),
    "softmin": lambda nn: nn.Softmin(dim=0),
    "log_softmax": lambda nn: nn.LogSoftmax(dim=-1),
    "softmax2d": lambda nn: nn.Softmax2d(),
    "glu": lambda nn: nn.GLU(),
    "glu over channels": lambda nn: nn.GLU(1),
    "dropout in evaluation": lambda nn: nn.Dropout(0.3).eval(),
    "alpha dropout in evaluation": lambda nn: nn.AlphaDropout(0.3).eval(),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    make, shapes = LAYERS[name]
    compare_modules(make, *shapes)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    compare_modules(ACTIVATIONS[name], (2, 4, 3, 2))


@pytest.mark.parametrize(
    "name", [n for n in ACTIVATIONS if "softm" not in n and "glu" not in n and "channels" not in n]
)
def test_activations_at_kinks_and_limits(name: str) -> None:
    x = np.array([-inf, -1e3, -3, -2, -1, -0.7, -0.5, 0.0, 0.1, 0.5, 0.7, 1, 1.5, 3, 6, 1e3, inf, np.nan])
    a, b = tw.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        ours, theirs = ACTIVATIONS[name](tw.nn).double()(a), ACTIVATIONS[name](torch.nn).double()(b)
        ours.sum().backward()
    theirs.sum().backward()
    known = ~np.isnan(theirs.detach().numpy())  # thalweg may know a limit where PyTorch gives NaN
    known[-1] = True
    np.testing.assert_allclose(ours.detach().numpy()[known], theirs.detach().numpy()[known], RTOL, ATOL)
    known = np.isfinite(b.grad.numpy())
    known[-1] = False  # at NaN PyTorch's gradients follow whatever branch the comparison takes
    np.testing.assert_allclose(a.grad.numpy()[known], b.grad.numpy()[known], RTOL, ATOL)


def test_hardsigmoid() -> None:
    """PyTorch's gradient is 1/6 rounded to float32, and has no derivative."""
    x = np.array([-inf, -4, -3, -1, 0, 2, 3, 4, inf])
    a, b = tw.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours, theirs = tw.nn.Hardsigmoid()(a), torch.nn.Hardsigmoid()(b)
    close(ours, theirs, "value")
    ours.sum().backward()
    theirs.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-7)


# -- functions --------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, tuple[Callable[[Any], Callable[..., Any]], list[tuple[int, ...]]]] = {
    "pad": (lambda F: lambda x: F.pad(x, (1, -1, 0, 2), value=1.5), [(2, 3, 4)]),
    "pad by reflection": (lambda F: lambda x: F.pad(x, (2, 1), mode="reflect"), [(2, 3, 4)]),
    "pad by replication": (lambda F: lambda x: F.pad(x, (5, 1, 2, 0), mode="replicate"), [(2, 3, 4, 2)]),
    "pad round": (lambda F: lambda x: F.pad(x, (2, 3), mode="circular"), [(2, 3, 4)]),
    "normalize": (lambda F: lambda x: F.normalize(x), [(3, 4)]),
    "normalize by the sum": (lambda F: lambda x: F.normalize(x, p=1.0, dim=-1), [(3, 4)]),
    "prelu": (lambda F: F.prelu, [(2, 3, 2), (3,)]),
    "linear": (lambda F: F.linear, [(2, 3, 4), (2, 4), (2,)]),
    "bilinear": (lambda F: F.bilinear, [(2, 3), (2, 4), (2, 3, 4), (2,)]),
    "cosine": (lambda F: lambda a, b: F.cosine_similarity(a, b, dim=-1), [(2, 3, 4), (3, 4)]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    make, shapes = FUNCTIONS[name]
    compare(make(tw.nn.functional), make(torch.nn.functional), [numbers(*s) for s in shapes])


@pytest.mark.parametrize("padding", [None, 2, -1])
def test_embedding(padding: int | None) -> None:
    index = np.array([[0, 2, 2], [4, 1, 2]])
    compare(
        lambda w: tw.nn.functional.embedding(tw.tensor(index), w, padding),
        lambda w: torch.nn.functional.embedding(torch.tensor(index), w, padding),
        [numbers(5, 3)],
    )


def test_one_hot() -> None:
    index = np.array([[0, 2], [1, 1]])
    for classes in (-1, 5):
        ours = tw.nn.functional.one_hot(tw.tensor(index), classes)
        assert ours.tolist() == torch.nn.functional.one_hot(torch.tensor(index), classes).tolist()


# -- containers and state ---------------------------------------------------------------------------------


def nested(nn: Any) -> Any:
    net = nn.Module()
    net.later = nn.Linear(2, 2)
    net.scale = nn.Parameter((tw if nn is tw.nn else torch).ones(3))
    net.register_buffer("count", (tw if nn is tw.nn else torch).zeros(1))
    net.list = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.PReLU()])
    net.dict = nn.ModuleDict({"b": nn.Linear(1, 2), "a": nn.Sequential(nn.Linear(2, 1), nn.Tanh())})
    net.shared = net.later
    net.register_parameter("none", None)
    del net.list[0]
    net.list.insert(0, nn.Bilinear(1, 2, 1))
    return net


def test_names_order_and_repr_of_nested_containers() -> None:
    ours, theirs = nested(tw.nn), nested(torch.nn)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for method in ("named_parameters", "named_modules", "named_buffers", "named_children"):
        assert [n for n, _ in getattr(ours, method)()] == [n for n, _ in getattr(theirs, method)()]
    for method in ("named_parameters", "named_modules"):
        mine = [n for n, _ in getattr(ours, method)(remove_duplicate=False)]
        assert mine == [n for n, _ in getattr(theirs, method)(remove_duplicate=False)]
    assert repr(ours) == repr(theirs)
    assert list(copy.deepcopy(ours).state_dict()) == list(theirs.state_dict())


def test_the_same_keys_are_missing_and_unexpected() -> None:
    results = []
    for lib in (tw, torch):
        net = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Linear(2, 1))
        state = net.state_dict()
        del state["0.bias"], state["1.weight"]
        state["1.extra"] = state["more"] = lib.ones(1)
        missing, unexpected = net.load_state_dict(state, strict=False)
        results.append((missing, sorted(unexpected)))
    assert results[0] == results[1]


def test_parameter_containers() -> None:
    keys = []
    for lib in (tw, torch):
        ws = lib.nn.ParameterList([lib.ones(2), 3, lib.ones(1)])
        ws.append(lib.ones(4))
        named = lib.nn.ParameterDict({"z": lib.ones(1), "a": lib.ones(2)})
        keys.append((list(ws.state_dict()), list(named.state_dict()), len(ws), list(named)))
    assert keys[0] == keys[1]


# -- hooks ------------------------------------------------------------------------------------------------


def test_backward_hooks_see_and_change_the_same() -> None:
    seen: dict[str, Any] = {}
    for lib in (tw, torch):
        net = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Tanh(), lib.nn.Linear(3, 1)).double()
        net.load_state_dict({k: lib.tensor(numbers(*v.shape)) for k, v in net.state_dict().items()})
        log: list[Any] = []
        net[1].register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
        net[1].register_full_backward_hook(lambda m, gi, go, log=log: log.extend([gi[0], go[0]]))
        net[2].register_full_backward_hook(lambda m, gi, go: (gi[0] + 1,))
        net[0].register_full_backward_hook(lambda m, gi, go, log=log: log.extend([gi[0], go[0]]))
        net(lib.tensor(numbers(4, 2), requires_grad=True)).sum().backward()
        log.extend(p.grad for p in net.parameters())
        seen[lib.__name__] = log
    for a, b in zip(seen["thalweg"], seen["torch"], strict=True):
        close(a, b, "seen by a hook")


# -- initialisations --------------------------------------------------------------------------------------

INITS: dict[str, Callable[[Any, Any], Any]] = {
    "uniform": lambda init, t: init.uniform_(t, -2.0, 3.0),
    "normal": lambda init, t: init.normal_(t, 1.0, 0.3),
    "xavier_uniform": lambda init, t: init.xavier_uniform_(t, gain=1.7),
    "xavier_normal": lambda init, t: init.xavier_normal_(t, gain=1.7),
    "kaiming_uniform": lambda init, t: init.kaiming_uniform_(t, a=2.0),
    "kaiming_uniform fan_out": lambda init, t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="selu"),
    "kaiming_normal": lambda init, t: init.kaiming_normal_(t, nonlinearity="tanh"),
    "kaiming_normal fan_out": lambda init, t: init.kaiming_normal_(t, a=0.3, mode="fan_out"),
}


def recording(base: Any, calls: list[Any]) -> dict[str, Any]:
    """Stand-ins for uniform_ and normal_ that note their two numbers."""

    def method(self: Any, a: float, b: float, **kwargs: Any) -> Any:
        calls.append((a, b))
        return self

    return {"uniform_": method, "normal_": method}


@pytest.mark.parametrize("name", INITS)
def test_initialisations_draw_from_the_same_distribution(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[Any]] = []
    for lib in (tw, torch):
        calls: list[Any] = []
        for method, stand_in in recording(lib.Tensor, calls).items():
            monkeypatch.setattr(lib.Tensor, method, stand_in)
        INITS[name](lib.nn.init, lib.empty(6, 4, 5))
        drawn.append(calls)
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-14)


LAYER_INITS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda nn: nn.Linear(7, 3),
    "bilinear": lambda nn: nn.Bilinear(5, 2, 3),
}


@pytest.mark.parametrize("name", LAYER_INITS)
def test_layers_start_from_the_same_distribution(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[Any]] = []
    for lib in (tw, torch):
        calls: list[Any] = []
        for method, stand_in in recording(lib.Tensor, calls).items():
            monkeypatch.setattr(lib.Tensor, method, stand_in)
        LAYER_INITS[name](lib.nn)
        drawn.append(calls)
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-14)


def test_deterministic_initialisations() -> None:
    for shape, groups in [((4, 2, 3), 1), ((4, 2, 3), 2), ((3, 5, 3, 4), 1), ((2, 2, 3, 3, 3), 2)]:
        ours = tw.nn.init.dirac_(tw.empty(*shape), groups)
        assert ours.tolist() == torch.nn.init.dirac_(torch.empty(*shape), groups).tolist()
    for shape in [(3, 3), (2, 5), (5, 2)]:
        assert tw.nn.init.eye_(tw.empty(*shape)).tolist() == torch.nn.init.eye_(torch.empty(*shape)).tolist()
    for name, param in [("relu", None), ("leaky_relu", 0.3), ("tanh", None), ("selu", None), ("conv2d", None)]:
        assert tw.nn.init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param))
    assert tw.nn.PReLU(3).weight.tolist() == torch.nn.PReLU(3).weight.tolist()


def test_truncated_and_sparse_initialisations_have_the_same_moments() -> None:
    tw.manual_seed(0)
    torch.manual_seed(0)
    for mean, std, a, b in [(0.0, 1.0, -2.0, 2.0), (1.0, 2.0, -1.0, 3.0)]:
        ours = tw.nn.init.trunc_normal_(tw.empty(100_000, dtype=tw.float64), mean, std, a, b).numpy()
        theirs = torch.nn.init.trunc_normal_(torch.empty(100_000, dtype=torch.float64), mean, std, a, b).numpy()
        assert abs(ours.mean() - theirs.mean()) < 0.03 and abs(ours.std() - theirs.std()) < 0.03
    ours = tw.nn.init.sparse_(tw.empty(50, 40), 0.31).numpy()
    theirs = torch.nn.init.sparse_(torch.empty(50, 40), 0.31).numpy()
    assert ((ours == 0).sum(0) == (theirs == 0).sum(0)).all()


# -- utilities --------------------------------------------------------------------------------------------


def parameters(lib: Any) -> list[Any]:
    held = [lib.nn.Parameter(lib.tensor(numbers(*s))) for s in [(3, 2), (4,), (2,)]]
    for i, p in enumerate(held[:2]):
        p.grad = lib.tensor(numbers(*p.shape, seed=9 + i))
    return held


@pytest.mark.parametrize("order", [1.0, 2.0, 3.5, inf])
@pytest.mark.parametrize("limit", [0.5, 3.0, 1e6])
def test_clipping_by_norm(order: float, limit: float) -> None:
    ours, theirs = parameters(tw), parameters(torch)
    norm = tw.nn.utils.clip_grad_norm_(ours, limit, order)
    close(norm, torch.nn.utils.clip_grad_norm_(theirs, limit, order), "norm")
    for p, q in zip(ours[:2], theirs[:2], strict=True):
        close(p.grad, q.grad, "clipped gradient")
    grads = [[p.grad for p in held[:2]] for held in (ours, theirs)]
    close(tw.nn.utils.get_total_norm(grads[0], order), torch.nn.utils.get_total_norm(grads[1], order), "total norm")


def test_clipping_by_value_and_vectors() -> None:
    ours, theirs = parameters(tw), parameters(torch)
    tw.nn.utils.clip_grad_value_(ours, 1.2)
    torch.nn.utils.clip_grad_value_(theirs, 1.2)
    for p, q in zip(ours[:2], theirs[:2], strict=True):
        close(p.grad, q.grad, "clipped gradient")
    close(tw.nn.utils.parameters_to_vector(ours), torch.nn.utils.parameters_to_vector(theirs), "vector")
    vector = numbers(12)
    tw.nn.utils.vector_to_parameters(tw.tensor(vector), ours)
    torch.nn.utils.vector_to_parameters(torch.tensor(vector), theirs)
    for p, q in zip(ours, theirs, strict=True):
        close(p, q, "parameter")
