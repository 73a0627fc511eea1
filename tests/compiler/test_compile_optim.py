"""Optimisers and schedulers inside compiled functions do what they do in eager mode, whose values other tests fix."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim
from thalweg.compiler.compiled import Compiled
from thalweg.compiler.graph import Graph
from thalweg.compiler.program import Executable, Interpreted
from thalweg.errors import TraceError
from thalweg.optim import lr_scheduler as schedules

CASES: list[tuple[Any, dict[str, Any]]] = [
    (optim.SGD, {}),
    (optim.SGD, {"lr": 1}),
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "dampening": 0.5}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.SGD, {"weight_decay": 0.1, "maximize": True}),
    (optim.Adam, {}),
    (optim.Adam, {"betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": True, "maximize": True}),
    (optim.AdamW, {}),
    (optim.AdamW, {"weight_decay": 0.5, "amsgrad": True}),
    (optim.Muon, {"lr": 0.02}),
    (optim.Muon, {"lr": 0.02, "nesterov": False, "weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw"}),
    (optim.Shampoo, {"lr": 0.02}),
    (optim.Shampoo, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1, "max_size": 3, "maximize": True}),
    (optim.ASGD, {"t0": 4}),
    (optim.ASGD, {"lambd": 0.01, "alpha": 0.5, "t0": 3, "weight_decay": 0.1, "maximize": True}),
    (optim.Rprop, {}),
    (optim.Rprop, {"etas": (0.3, 1.4), "step_sizes": (1e-3, 0.1), "maximize": True}),
    (optim.RAdam, {}),
    (optim.RAdam, {"betas": (0.8, 0.9), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.RAdam, {"betas": (0.5, 0.5)}),
    (optim.NAdam, {}),
    (optim.NAdam, {"momentum_decay": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.Adagrad, {}),
    (optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}),
    (optim.Adadelta, {}),
    (optim.Adadelta, {"rho": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    (optim.Adamax, {}),
    (optim.Adamax, {"betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.RMSprop, {}),
    (optim.RMSprop, {"momentum": 0.9, "centered": True, "alpha": 0.5, "weight_decay": 0.1}),
    (optim.Lion, {}),
    (optim.Lion, {"betas": (0.5, 0.8), "weight_decay": 0.1, "maximize": True}),
]
NAMES = [f"{cls.__name__}-{i}" for i, (cls, _) in enumerate(CASES)]
DEFAULTS = [(cls, options) for i, (cls, options) in enumerate(CASES) if i == 0 or CASES[i - 1][0] is not cls]
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: schedules.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda o: schedules.MultiStepLR(o, [2, 5], 0.5),
    "ExponentialLR": lambda o: schedules.ExponentialLR(o, 0.8),
    "ConstantLR": lambda o: schedules.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda o: schedules.LinearLR(o, 0.25, 1.0, 6),
    "PolynomialLR": lambda o: schedules.PolynomialLR(o, 7, 2.0),
    "LambdaLR": lambda o: schedules.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "MultiplicativeLR": lambda o: schedules.MultiplicativeLR(o, lambda epoch: 0.5 + 0.1 * epoch),
    "CosineAnnealingLR": lambda o: schedules.CosineAnnealingLR(o, 6, 0.001),
    "CosineAnnealingWarmRestarts": lambda o: schedules.CosineAnnealingWarmRestarts(o, 3),
    "CyclicLR": lambda o: schedules.CyclicLR(o, 0.01, 0.1, 3, cycle_momentum=True),
    "OneCycleLR": lambda o: schedules.OneCycleLR(o, 0.2, 12),
    "SequentialLR": lambda o: schedules.SequentialLR(
        o, [schedules.ConstantLR(o, 0.1, 3), schedules.ExponentialLR(o, 0.9)], [3]
    ),
    "ChainedScheduler": lambda o: schedules.ChainedScheduler(
        [schedules.ConstantLR(o, 0.1, 3), schedules.ExponentialLR(o, 0.9)]
    ),
}


class Traced(Compiled):
    """Compiled, but for NumPy evaluating the graph: what is tested is the record."""

    def _executable(self, graph: Graph, updates: list[int], fed: list[int]) -> Executable:
        return Interpreted(graph)


class Job:
    """A network with two groups, and its training step."""

    def __init__(self, cls: Any, options: dict[str, Any], dtype: Any = tw.float64, **second: Any) -> None:
        tw.manual_seed(0)
        bias = cls is not optim.Muon
        self.model = nn.Sequential(nn.Linear(3, 5, bias=bias), nn.Tanh(), nn.Linear(5, 2, bias=bias)).to(dtype)
        rng = np.random.default_rng(1)
        self.x = tw.from_numpy(rng.standard_normal((7, 3))).to(dtype)
        self.y = tw.from_numpy(rng.standard_normal((7, 2))).to(dtype)
        first, last = list(self.model[0].parameters()), list(self.model[2].parameters())
        self.optimizer = cls([{"params": first}, {"params": last, **(second or {"lr": 0.003})}], **options)
        self.scheduler: Any = None
        self.inside = False

    def step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = ((self.model(x) - y) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        if self.inside:
            self.scheduler.step()
        return loss

    def parameters(self) -> list[Any]:
        return [p.detach().numpy() for p in self.model.parameters()]


class Both:
    """The same training twice, eager and compiled."""

    def __init__(self, *args: Any, compiler: Any = Traced, **kwargs: Any) -> None:
        self.eager, self.other = Job(*args, **kwargs), Job(*args, **kwargs)
        self.compiled = compiler(self.other.step)

    @property
    def optimizers(self) -> list[Any]:
        return [self.eager.optimizer, self.other.optimizer]

    def step(self, tolerance: float = 1e-12) -> None:
        loss = self.eager.step(self.eager.x, self.eager.y)
        np.testing.assert_allclose(self.compiled(self.other.x, self.other.y).item(), loss.item(), rtol=tolerance)

    def set(self, key: str, value: Any, group: int = 0) -> None:
        for optimizer in self.optimizers:
            optimizer.param_groups[group][key] = value

    def programs(self) -> int:
        return programs(self.compiled)

    def compare(self, tolerance: float = 1e-12) -> None:
        for a, b in zip(self.other.parameters(), self.eager.parameters(), strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        compare_states(self.other.optimizer.state_dict(), self.eager.optimizer.state_dict(), tolerance)


def programs(compiled: Compiled) -> int:
    """How many records have been made."""
    return sum(map(len, compiled._programs.values()))


def compare_states(a: Any, b: Any, tolerance: float) -> None:
    """Dictionaries of optimisers, equal but for rounding."""
    if isinstance(b, dict):
        assert a.keys() == b.keys()
        for key in b:
            compare_states(a[key], b[key], tolerance)
    elif isinstance(b, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            compare_states(x, y, tolerance)
    elif isinstance(b, tw.Tensor):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)
    elif isinstance(b, float):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    else:
        assert a == b


def records_for(options: dict[str, Any]) -> int:
    """The first step with dampening has no buffer yet and is a program of its own."""
    return 2 if "dampening" in options else 1


@pytest.mark.parametrize(("cls", "options"), CASES, ids=NAMES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(tw.float64, 1e-12), (tw.float32, 2e-4)])
def test_twenty_steps(cls: Any, options: dict[str, Any], dtype: Any, tolerance: float) -> None:
    both = Both(cls, options, dtype)
    for i in range(20):
        both.step(tolerance)
        if i % 6 == 5:
            both.set("lr", 0.01 / i, group=i % 2)
    both.compare(tolerance)
    assert both.programs() == records_for(options)


@pytest.mark.parametrize(("cls", "options"), DEFAULTS, ids=[cls.__name__ for cls, _ in DEFAULTS])
def test_natively(cls: Any, options: dict[str, Any]) -> None:
    both = Both(cls, options, compiler=Compiled)
    for i in range(20):
        both.step(1e-10)
        if i == 9:
            both.set("lr", 0.002)
    both.compare(1e-10)


@pytest.mark.parametrize(("cls", "options"), [c for c in CASES if c[0] is not optim.Muon])
@pytest.mark.parametrize("compiler", [Traced])
def test_single_tensors(cls: Any, options: dict[str, Any], compiler: Any) -> None:
    """Of shapes (), (3,) and (0, 2), and one with a gradient that is exactly zero."""

    def tensors() -> list[Any]:
        values = [np.array(1.5), np.array([1.0, -2.0, 0.5]), np.zeros((0, 2)), np.array([[2.0, -1.0]])]
        return [tw.from_numpy(v).requires_grad_() for v in values]

    def step(ws: list[Any], optimizer: Any) -> None:
        optimizer.zero_grad()
        a, b, c, d = ws
        (0.01 * (a**2) * (b**2).sum() + c.sum() + (d * 0).sum()).backward()
        optimizer.step()

    eager, traced = tensors(), tensors()
    optimizer, other = cls(eager, **options), cls(traced, **options)
    compiled = compiler(lambda: step(traced, other))
    for _ in range(6):
        step(eager, optimizer)
        compiled()
    for a, b in zip(traced, eager, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-14)
    compare_states(other.state_dict(), optimizer.state_dict(), 1e-12)
    assert programs(compiled) == records_for(options)


def test_plain_descent_is_one_product_and_one_difference() -> None:
    """The form w - lr * g, which is computed as part of the product that makes g."""
    w = tw.ones(3, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    compiled = Traced(lambda: ((w * 2.0).sum().backward(), optimizer.step())[1])
    compiled()
    ((program,),) = compiled._programs.values()
    update = program.recording.graph.outputs[0]
    assert update.name == "sub" and update.inputs[0].name == "input"
    product = update.inputs[1]
    assert product.name == "mul" and product.dtype == np.float32
    assert any(x.name == "convert" and x.inputs[0].params["name"] == "lr" for x in product.parents())


# -- options ----------------------------------------------------------------------------------------------


def test_weight_decay_is_a_number_of_each_run_once_it_is_there() -> None:
    both = Both(optim.Adam, {})
    for decay, records in ((0, 1), (0.1, 2), (0.2, 2), (0.0, 3)):
        both.set("weight_decay", decay)
        both.step()
        both.step()
        assert both.programs() == records
    both.compare()


def test_every_option_counts() -> None:
    both = Both(optim.SGD, {"momentum": 0.5})
    both.step()
    for key, value in (("momentum", 0.8), ("nesterov", True), ("maximize", True), ("momentum", 0.3), ("lr", 2)):
        both.set(key, value)
        both.step()
    both.compare()
    assert both.programs() == 3


def test_betas_are_read_for_each_run() -> None:
    both = Both(optim.Adam, {})
    for betas in ((0.9, 0.999), (0.5, 0.9), [0.1, 0.3], (0, 0.5)):
        both.set("betas", betas)
        both.step()
        both.step()
    both.compare()


def test_learning_rate_in_a_tensor() -> None:
    both = Both(optim.Adam, {"lr": 0.01})
    both.step()
    for optimizer in both.optimizers:
        optimizer.param_groups[0]["lr"] = tw.tensor(0.02, dtype=tw.float64)
    both.step()
    for optimizer in both.optimizers:
        optimizer.param_groups[0]["lr"].fill_(0.03)
    both.step()
    both.compare()
    assert both.programs() == 1


def rate_of(kind: str, size: int) -> Any:
    rng = np.random.default_rng(3)
    root = rng.standard_normal((size, size)) / 20
    return tw.from_numpy(rng.random(size) / 10 if kind == "vector" else root @ root.T)


@pytest.mark.parametrize("kind", ["vector", "matrix"])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}])
def test_step_sizes_for_each_element(kind: str, options: dict[str, Any]) -> None:
    both = Both(optim.SGD, {**options, "lr": 0.01}, lr=rate_of(kind, 12))
    for _ in range(4):
        both.step()
    for optimizer in both.optimizers:
        optimizer.param_groups[1]["lr"].mul_(0.5)
    both.step()
    both.compare()
    assert both.programs() == 1
    both.set("lr", rate_of(kind, 20))  # in place of a number
    both.step()
    both.set("lr", 0.1, group=1)  # a number in place of what it was
    both.step()
    both.compare()
    assert both.programs() == 3


def test_step_sizes_for_elements_whose_parameters_have_no_gradient() -> None:
    def trained(compiler: Any) -> Any:
        w, v = (tw.tensor(x, dtype=tw.float64, requires_grad=True) for x in ([1.0, 2.0], [3.0]))
        rate = tw.tensor([[1.0, 0.1, 0.0], [0.1, 0.2, 0.1], [0.0, 0.1, 0.3]], dtype=tw.float64)
        optimizer = optim.SGD([v, w], lr=rate)
        compiled = compiler(lambda: ((w * w).sum().backward(), optimizer.step(), optimizer.zero_grad())[2])
        compiled()
        compiled()
        return w.tolist(), v.tolist()

    w, v = trained(Traced)
    rate = np.array([[0.2, 0.1], [0.1, 0.3]])
    step = np.eye(2) - 2 * rate
    np.testing.assert_allclose(w, step @ step @ [1.0, 2.0], rtol=1e-14, atol=1e-15)
    assert v == [3.0]


# -- state ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam, optim.NAdam])
def test_load_state_dict_in_between(cls: Any) -> None:
    options = {"lr": 0.01, "momentum": 0.9} if cls is optim.SGD else {"lr": 0.01}
    both = Both(cls, options)
    for _ in range(3):
        both.step()
    saved = copy.deepcopy(both.eager.optimizer.state_dict())
    saved["param_groups"][1]["lr"] = 0.5
    for _ in range(3):
        both.step()
    for optimizer in both.optimizers:
        optimizer.load_state_dict(saved)
    for _ in range(3):
        both.step()
    both.compare()
    assert both.programs() == 2


def test_replaced_entries_of_the_state() -> None:
    both = Both(optim.Adam, {})
    both.step()
    for job in (both.eager, both.other):
        w = job.model[0].weight
        job.optimizer.state[w]["exp_avg"] = tw.ones(5, 3, dtype=tw.float64)
    both.step()
    for job in (both.eager, both.other):
        del job.optimizer.state[job.model[2].weight]
    both.step()
    for job in (both.eager, both.other):
        job.optimizer.state[job.model[0].weight]["step"].fill_(7.0)
    both.step()
    both.compare()


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam, optim.Adadelta])
def test_eager_and_compiled_steps_alternate(cls: Any) -> None:
    options = {"lr": 0.01, "momentum": 0.9} if cls is optim.SGD else {"lr": 0.01}
    both = Both(cls, options)
    for i in range(8):
        both.step()
        if i % 3 == 1:
            both.eager.step(both.eager.x, both.eager.y)
            both.other.step(both.other.x, both.other.y)
    both.compare()


def test_groups_that_are_added() -> None:
    both = Both(optim.Adam, {})
    both.step()
    for job in (both.eager, both.other):
        job.y.requires_grad_()
    both.step()
    for job in (both.eager, both.other):
        job.optimizer.add_param_group({"params": [job.y], "lr": 0.5})
    both.step()
    both.step()
    both.compare()
    np.testing.assert_allclose(both.other.y.detach().numpy(), both.eager.y.detach().numpy(), rtol=1e-12)


def test_parameters_without_gradient_keep_value_and_state() -> None:
    w, v = tw.ones(2, requires_grad=True), tw.ones(2, requires_grad=True)
    optimizer = optim.Adam([w, v], lr=0.5)
    used = [w]
    compiled = Traced(
        lambda ws: (optimizer.zero_grad(), sum((x * x).sum() for x in ws).backward(), optimizer.step())[2]
    )
    compiled(used)
    assert w.tolist() == [0.5, 0.5] and v.tolist() == [1.0, 1.0]
    assert v not in optimizer.state
    compiled([w, v])
    assert v.tolist() == [0.5, 0.5] and optimizer.state[v]["step"].item() == 1


# -- hooks and closures -----------------------------------------------------------------------------------


def test_hooks_are_part_of_the_record() -> None:
    w = tw.tensor([4.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.25)

    def step() -> None:
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    def halve(optimizer: Any, args: Any, kwargs: Any) -> None:
        with tw.no_grad():
            w.mul_(0.5)

    compiled = Traced(step)
    compiled()
    assert w.item() == 2.0
    handle = optimizer.register_step_post_hook(halve)
    compiled()
    assert w.item() == 0.5
    compiled()
    assert w.item() == 0.125 and programs(compiled) == 2
    handle.remove()
    compiled()
    assert w.item() == 0.0625


def test_closures() -> None:
    w = tw.tensor([4.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.25)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    compiled = Traced(lambda: optimizer.step(closure))
    assert [compiled().item() for _ in range(3)] == [16.0, 4.0, 1.0]
    assert w.item() == 0.5 and programs(compiled) == 1


# -- steps that users wrote -------------------------------------------------------------------------------


class Momentum(optim.Optimizer):
    """As PyTorch's users write optimisers: the state is made in the first step, and exchanged in each."""

    def __init__(self, params: Any, lr: float = 0.1, mu: float = 0.5) -> None:
        super().__init__(params, {"lr": lr, "mu": mu})

    @tw.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["buffer"], state["count"] = tw.zeros_like(p), tw.zeros(())
                state["count"] += 1
                state["buffer"] = group["mu"] * state["buffer"] + p.grad
                p.sub_(group["lr"] / state["count"] * state["buffer"])


class Counting(Momentum):
    """Counts in Python, which a compiled function can't follow."""

    @tw.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["count"] = self.state[p].get("count", 0) + 1
                p.sub_(group["lr"] / self.state[p]["count"] * p.grad)


def test_written_by_users() -> None:
    both = Both(Momentum, {})
    for i in range(9):
        both.step()
        if i == 4:
            both.set("lr", 0.05)
        if i == 6:
            both.set("mu", 0.75, group=1)
    both.compare()
    assert both.programs() == 4  # the first step, all others, and for each change


def test_counts_in_python_are_refused() -> None:
    job = Job(Counting, {})
    compiled = Traced(job.step)
    compiled(job.x, job.y)
    with pytest.raises(TraceError, match=r"Counting\.step: changes the state 'count' from 1 to 2"):
        compiled(job.x, job.y)
    assert job.optimizer.state[job.model[0].weight]["count"] == 1


def test_attributes_that_a_step_counts_are_refused() -> None:
    class Aging(Momentum):
        age = 0

        def __init__(self, params: Any, **options: Any) -> None:
            super().__init__(params, **options)
            self.age = 0

        def step(self, closure: Any = None) -> None:
            self.age += 1

    job = Job(Aging, {})
    with pytest.raises(TraceError, match=r"changes the attribute 'age' from 0 to 1"):
        Traced(job.step)(job.x, job.y)
    assert job.optimizer.age == 0


def test_rules_written_by_users() -> None:
    class SignDescent(optim.RuleOptimizer):
        @staticmethod
        def rule(gradient: Any, parameter: Any, state: Any, hyper: Any) -> Any:
            return hyper["lr"] * tw.sign(gradient), {}

    both = Both(SignDescent, {"defaults": {"lr": 0.1}})
    for lr in (0.1, 0.2, 0.3):
        both.set("lr", lr)
        both.step()
    both.compare()
    assert both.programs() == 1


# -- schedulers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str, inside: bool) -> None:
    both = Both(optim.SGD, {"lr": 0.1, "momentum": 0.9})
    rates: list[list[Any]] = [[], []]
    jobs = [both.eager, both.other]
    for job in jobs:
        job.scheduler, job.inside = SCHEDULES[name](job.optimizer), inside
    for _ in range(10):
        both.step()
        for job, seen in zip(jobs, rates, strict=True):
            if not inside:
                job.scheduler.step()
            seen.append(job.scheduler.get_last_lr())
    both.compare()
    assert rates[0] == rates[1] and both.programs() == 1


def test_plateau_gets_the_loss_of_the_run() -> None:
    w = tw.tensor([1.0], dtype=tw.float64, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)  # w = 1, -1, 1, ... until the rate falls
    scheduler = schedules.ReduceLROnPlateau(optimizer, factor=0.25, patience=1)

    def step() -> Any:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        optimizer.step()
        scheduler.step(loss)
        return loss

    compiled = Traced(step)
    assert [compiled().item() for _ in range(4)] == [1.0, 1.0, 1.0, 1.0]
    assert scheduler.get_last_lr() == [0.25] and scheduler.num_bad_epochs == 1
    assert w.item() == -0.5 and programs(compiled) == 1


def test_scheduler_at_the_beginning() -> None:
    """A step of the scheduler before any rate was read changes the rate of this very run."""
    w = tw.tensor([0.0], dtype=tw.float64, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = schedules.ExponentialLR(optimizer, 0.5)

        def step() -> None:
            scheduler.step()
            w.grad = tw.ones(1, dtype=tw.float64)
            optimizer.step()

        compiled = Traced(step)
        compiled()
        compiled()
    assert w.item() == -0.75 and programs(compiled) == 1


def test_rates_read_after_the_scheduler_are_refused() -> None:
    w = tw.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    scheduler = schedules.ExponentialLR(optimizer, 0.5)

    def step() -> None:
        for _ in range(2):
            w.grad = tw.ones(1)
            optimizer.step()
            scheduler.step()

    with pytest.raises(TraceError, match=r"test_compile_optim.py:\d+.*call scheduler.step\(\) last"):
        Traced(step)()
    assert scheduler.last_epoch == 0 and w.item() == 1.0
