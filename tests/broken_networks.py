"""Networks that can't learn, each with the blame that ``explain`` must give; and healthy ones.

A case is a function that makes a model, and gives it with a loss of (model, x, y). The line that is to blame ends in
the comment ``# blame``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import thalweg as tw
from thalweg import nn

F = nn.functional

Loss = Callable[[Any, Any, Any], Any]
Make = Callable[[], tuple[Any, Loss]]


@dataclass
class Broken:
    """What is wrong with a network.

    Attributes:
        make: gives the model and its loss.
        symptoms: for each parameter that must be found its symptom; no others may be.
        op: the operation that is to blame.
        reason: words that the reason must have.
        module: the module's path and class.
        compiled: whether it can be compiled at all.
        flat: words that a note must have; "" if there must be none.
    """

    make: Make
    symptoms: dict[str, str]
    op: str
    reason: str
    module: str = ""
    compiled: bool = True
    flat: str = ""

    @property
    def line(self) -> str:
        """The line that is marked, "file.py:12"; "" if there is none."""
        lines, first = inspect.getsourcelines(self.make)
        marked = [first + i for i, line in enumerate(lines) if line.rstrip().endswith("# blame")]
        return f"broken_networks.py:{marked[0]}" if marked else ""


BROKEN: dict[str, Broken] = {}


def broken(symptoms: dict[str, str], op: str, reason: str, **more: Any) -> Callable[[Make], Make]:
    """Register a case under the name of its function."""

    def register(make: Make) -> Make:
        BROKEN[make.__name__] = Broken(make, symptoms, op, reason, **more)
        return make

    return register


def all_of(model_parameters: str, symptom: str) -> dict[str, str]:
    return dict.fromkeys(model_parameters.split(), symptom)


def mlp(activation: Any = None, classes: int = 2) -> Any:
    """Two layers."""
    return nn.Sequential(nn.Linear(3, 8), activation or nn.ReLU(), nn.Linear(8, classes))


FIRST = "0.weight 0.bias"
MLP = "0.weight 0.bias 2.weight 2.bias"
STAIRCASE = "staircase"


# -- activations --------------------------------------------------------------------------------------------


@broken(
    all_of("0.weight 0.bias 2.weight", "zero"), "relu", "dead on the whole batch", module="1 (ReLU)", flat="flat in"
)
def dead_relu() -> tuple[Any, Loss]:
    model = mlp()
    nn.init.constant_(model[0].bias, -100.0)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)  # blame

    return model, loss


@broken(all_of(FIRST, "zero"), "where", "constant", module="1 (Hardtanh)", flat="flat in")
def outside_of_hardtanh() -> tuple[Any, Loss]:
    model = mlp(nn.Hardtanh())
    nn.init.constant_(model[0].bias, 100.0)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)  # blame

    return model, loss


@broken(all_of(FIRST, "zero"), "clamp", "outside of its range", flat=STAIRCASE)
def clamped() -> tuple[Any, Loss]:
    model = nn.Sequential(nn.Linear(3, 2))

    def loss(model: Any, x: Any, y: Any) -> Any:
        return (model(x).clamp(50, 60) - y).square().mean()  # blame

    return model, loss


@broken(all_of(FIRST, "tiny"), "sigmoid", "saturated", module="1 (Sigmoid)")
def saturated_sigmoid() -> tuple[Any, Loss]:
    model = mlp(nn.Sigmoid())
    nn.init.constant_(model[0].bias, -30.0)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)  # blame

    return model, loss


@broken(all_of(FIRST, "zero"), "tanh", "saturated", module="1 (Tanh)", flat="flat in")
def saturated_tanh() -> tuple[Any, Loss]:
    model = mlp(nn.Tanh())
    nn.init.constant_(model[0].bias, 100.0)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)  # blame

    return model, loss


@broken(all_of(MLP, "zero"), "softmax", "saturated", flat=STAIRCASE)
def saturated_softmax() -> tuple[Any, Loss]:
    model = mlp()
    nn.init.constant_(model[2].bias, 0.0)
    model[2].bias.data[0] = 1e4

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x).softmax(1), y)  # blame

    return model, loss


@broken(all_of(MLP, "zero"), "softmax", "axis of size 1")
def softmax_of_one_class() -> tuple[Any, Loss]:
    model = mlp(classes=1)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x).softmax(1), y[:, :1])  # blame

    return model, loss


@broken(all_of("0.weight 0.bias", "zero"), "where", "constant", module="1 (ReLU6)", flat="flat in")
def above_six() -> tuple[Any, Loss]:
    model = mlp(nn.ReLU6())
    nn.init.constant_(model[0].bias, 100.0)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)  # blame

    return model, loss


@broken(
    all_of("0.weight 0.bias 2.weight", "zero"), "relu", "dead on the whole batch", module="1 (ReLU)", flat="flat in"
)
def dead_in_place() -> tuple[Any, Loss]:
    model = mlp(nn.ReLU(inplace=True))
    nn.init.constant_(model[0].bias, -100.0)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)  # blame

    return model, loss


@broken(
    all_of("0.weight 0.bias 4.weight", "zero"), "relu", "dead on the whole batch", module="1 (ReLU)", flat="flat in"
)
def dead_convolution() -> tuple[Any, Loss]:
    model = nn.Sequential(nn.Conv1d(1, 4, 2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(4, 2))
    nn.init.constant_(model[0].bias, -100.0)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x[:, None]), y)  # blame

    return model, loss


@broken(
    all_of("weight_ih_l0 weight_hh_l0 bias_ih_l0 bias_hh_l0", "zero"),
    "sigmoid",
    "saturated",
    module="LSTM",
    flat=STAIRCASE,
)
def saturated_lstm() -> tuple[Any, Loss]:
    model = nn.LSTM(3, 2)
    nn.init.constant_(model.bias_ih_l0, 1e4)

    def loss(model: Any, x: Any, y: Any) -> Any:
        states, _ = model(x[:4, None])  # blame
        return F.mse_loss(states[:, 0], y[:4])

    return model, loss


@broken(all_of(MLP, "zero"), "sigmoid", "saturated", flat=STAIRCASE)
def probabilities_of_0_and_1() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        p = (model(x) - 1e5).sigmoid()  # blame
        return F.binary_cross_entropy(p, (y > 0).float())

    return mlp(), loss


# -- staircases ---------------------------------------------------------------------------------------------


@broken(all_of(MLP, "missing"), "argmax", "changes in steps", flat=STAIRCASE)
def argmax_in_the_loss() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        found = model(x).argmax(1)  # blame
        return (found.float() - y[:, 0]).square().mean()

    return model, loss


@broken(all_of(MLP, "zero"), "round", "staircase", flat=STAIRCASE)
def rounded() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        output = model(x).round()  # blame
        return F.mse_loss(output, y)

    return model, loss


class Binary(nn.Module):
    """A layer of units that are -1 or 1."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 8)

    def forward(self, x: Any) -> Any:
        return tw.sign(self.layer(x))


@broken(
    all_of("0.layer.weight 0.layer.bias", "zero"),
    "sign",
    "staircase",
    module="0 (Binary)",
    flat="flat in 0.layer.weight",
)
def binary_units() -> tuple[Any, Loss]:
    model = nn.Sequential(Binary(), nn.Linear(8, 2))

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)

    return model, loss


@broken(all_of(MLP, "missing"), "gt", "changes in steps", flat=STAIRCASE)
def accuracy_as_the_loss() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        positive = model(x) > 0  # blame
        return 1 - (positive == (y > 0)).float().mean()

    return model, loss


@broken(all_of(MLP, "missing"), "convert", "int64", flat=STAIRCASE)
def made_integer() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        output = model(x).long()  # blame
        return F.mse_loss(output.float(), y)

    return model, loss


# -- cut off ------------------------------------------------------------------------------------------------


@broken(all_of(FIRST, "missing"), "detach", "detach() takes the value off")
def detached() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        hidden = model[:2](x)
        hidden = hidden.detach()  # blame
        return F.mse_loss(model[2](hidden), y)

    return model, loss


@broken(all_of(FIRST, "missing"), "relu", "no_grad", module="1 (ReLU)")
def under_no_grad() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        hidden = model[0](x)
        with tw.no_grad():
            hidden = model[1](hidden)  # blame
        return F.mse_loss(model[2](hidden), y)

    return model, loss


@broken(all_of(FIRST, "missing"), "data", ".data takes the value off")
def through_data() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        hidden = model[:2](x).data  # blame
        return F.mse_loss(model[2](hidden), y)

    return model, loss


@broken(all_of(MLP, "missing"), "item", "without its history", compiled=False)
def through_item() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        error = F.mse_loss(model(x), y).item()  # blame
        return tw.tensor(error, requires_grad=True)

    return model, loss


@broken(all_of(FIRST, "missing"), "detach", "detach() takes the value off", compiled=False)
def through_numpy() -> tuple[Any, Loss]:
    model = mlp()

    def loss(model: Any, x: Any, y: Any) -> Any:
        hidden = model[:2](x)
        array = hidden.detach().numpy() * 2  # blame
        return F.mse_loss(model[2](tw.tensor(array)), y)

    return model, loss


@broken(all_of(MLP, "missing"), "bool", "branches on the value", compiled=False, flat=STAIRCASE)
def branch_on_a_value() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        if model(x).sum() > 0:  # blame
            return tw.tensor(1.0, requires_grad=True)
        return tw.tensor(2.0, requires_grad=True)

    return mlp(), loss


@broken(all_of(FIRST, "missing"), "linear", "reads a copy of what relu gave", compiled=False)
def copied() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        hidden = model[:2](x)
        return F.mse_loss(model[2](tw.tensor(hidden)), y)  # blame

    return mlp(), loss


# -- not there ----------------------------------------------------------------------------------------------


class Forgetful(nn.Module):
    """Has a layer that it does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.extra = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        return self.inner(x)


@broken(all_of("extra.weight extra.bias", "missing"), "", "was not called", module="extra (Linear)")
def never_called() -> tuple[Any, Loss]:
    return Forgetful(), mse


class Tables(nn.Module):
    """Two tables of vectors, of which one is used."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Embedding(100, 2)
        self.other = nn.Embedding(10, 2)

    def forward(self, words: Any) -> Any:
        return self.used(words)


@broken({"other.weight": "missing"}, "", "was not called", module="other (Embedding)")
def table_not_used() -> tuple[Any, Loss]:
    return Tables(), lambda model, x, y: F.mse_loss(model(tw.arange(16)), y)


@broken(all_of(MLP, "missing"), "", "requires_grad=False")
def all_frozen() -> tuple[Any, Loss]:
    return mlp().requires_grad_(False), mse


class Talkative(nn.Module):
    """Gives two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Linear(3, 2)
        self.side = nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return self.main(x), self.side(x)


@broken(all_of("side.weight side.bias", "missing"), "linear", "not computed from", module="side (Linear)")
def output_not_used() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        main, _ = model(x)
        return F.mse_loss(main, y)

    return Talkative(), loss


@broken(all_of(MLP, "zero"), "sub", "cancel", flat=STAIRCASE)
def loss_that_cancels() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        output = model(x)
        return (output - output + y).square().mean()  # blame

    return mlp(), loss


# -- NaN and infinity -----------------------------------------------------------------------------------------


@broken(all_of(MLP, "nan"), "exp", "overflows float32")
def softmax_without_shift() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        e = (model(x) * 1e4).exp()  # blame
        p = e / e.sum(1, keepdim=True)
        return F.mse_loss(p, y)

    return mlp(), loss


@broken(all_of(MLP, "nan"), "log", "logarithm of 0", flat="The loss is inf")
def logarithm_of_zero() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        p = (model(x) - 1000).sigmoid()
        return -(p.log() * y.abs()).mean()  # blame

    return mlp(), loss


@broken(all_of(MLP, "nan"), "sqrt", "derivative at 0 is infinite")
def root_at_zero() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        distance = (model(x) * 0).square().sum(1).sqrt()  # blame
        return distance.mean()

    return mlp(), loss


@broken(all_of(MLP, "nan"), "div", "0 is divided by 0")
def zero_by_zero() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        output = model(x) * 0
        return F.mse_loss(output / output.sum(1, keepdim=True), y)  # blame

    return mlp(), loss


@broken(all_of(MLP, "zero"), "where", "mask is True everywhere", flat="a whole row is -inf")
def all_masked() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        scores = model(x).masked_fill(tw.ones(16, 2, dtype=tw.bool), float("-inf"))  # blame
        return F.mse_loss(scores.softmax(1), y)

    return mlp(), loss


@broken(all_of(MLP, "zero"), "mean", "empty selection", flat="The loss is nan")
def mean_of_nothing() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        chosen = model(x)[:0]
        return chosen.mean()  # blame

    return mlp(), loss


@broken(all_of(MLP, "nan"), "linear", "from outside holds NaN", module="0 (Linear)")
def missing_data() -> tuple[Any, Loss]:
    gaps = tw.full((16, 3), float("nan"))

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(gaps), y)  # blame

    return mlp(), loss


# -- out of scale ---------------------------------------------------------------------------------------------


@broken(all_of("0.weight 0.bias", "huge"), "div", "steep where its input is close to 0")
def divided_by_little() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        return (1 / (model(x) * 1e-7)).mean()  # blame

    return nn.Sequential(nn.Linear(3, 1)), loss


@broken(all_of(MLP, "huge"), "mean_squared_error", "its input 1 is that large")
def targets_out_of_scale() -> tuple[Any, Loss]:
    targets = tw.full((16, 2), 1e9)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), targets)  # blame

    return mlp(), loss


@broken({"0.weight": "huge"}, "mul", "values grow on the way")
def inputs_out_of_scale() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        scaled = x * 1e9  # blame
        return F.mse_loss(model(scaled), y)

    return mlp(), loss


def deep(gain: float, activation: type, layers: int = 40) -> Any:
    tw.manual_seed(3)
    model = nn.Sequential(*(part for _ in range(layers) for part in (nn.Linear(3, 3), activation())), nn.Linear(3, 2))
    for layer in model[::2]:
        layer.weight.data.mul_(gain)
    return model


@broken({"0.weight": "tiny", "0.bias": "tiny"}, "linear", "falls little by little", module="(Linear)")
def vanishing() -> tuple[Any, Loss]:
    return deep(1.0, nn.Sigmoid), mse


@broken({"0.weight": "huge", "0.bias": "huge"}, "linear", "values grow on the way", module="(Linear)")
def exploding() -> tuple[Any, Loss]:
    return deep(20.0, nn.LeakyReLU, 12), mse


# -- zeros ------------------------------------------------------------------------------------------------------


@broken(all_of(FIRST, "zero"), "linear", "2.weight is 0 everywhere", module="2 (Linear)")
def initialised_with_zeros() -> tuple[Any, Loss]:
    model = mlp()
    nn.init.zeros_(model[2].weight)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)  # blame

    return model, loss


@broken({"0.weight": "zero"}, "linear", "input from outside is 0", module="0 (Linear)")
def empty_input() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(tw.zeros(16, 3)), y)  # blame

    return mlp(nn.Sigmoid()), loss


@broken(all_of("0.weight 0.bias 3.weight", "zero"), "mul", "drops everything", module="2 (Dropout)")
def all_dropped() -> tuple[Any, Loss]:
    model = nn.Sequential(nn.Linear(3, 8), nn.Sigmoid(), nn.Dropout(1.0), nn.Linear(8, 2))

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.mse_loss(model(x), y)  # blame

    return model, loss


@broken(all_of(MLP, "zero"), "where", "mask is False everywhere", flat=STAIRCASE)
def empty_mask() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        return tw.where(tw.zeros(16, 2, dtype=tw.bool), model(x), y).square().mean()  # blame

    return mlp(), loss


@broken(all_of(MLP, "zero"), "sum", "empty selection")
def sum_of_nothing() -> tuple[Any, Loss]:
    def loss(model: Any, x: Any, y: Any) -> Any:
        return model(x)[:0].sum()  # blame

    return mlp(), loss


def mse(model: Any, x: Any, y: Any) -> Any:
    return F.mse_loss(model(x), y)
