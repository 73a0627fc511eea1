"""LBFGS moves as PyTorch's does, evaluation by evaluation."""

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

LOSSES = {
    "bowl": lambda w: (w[0] - 1) ** 2 * 3 + (w[1] + w[0]) ** 2,
    "Rosenbrock": lambda w: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2,
    "waves": lambda w: (w * w).sum() * 0.1 + (3 * w).sin().sum(),
    "steep": lambda w: (w**4).sum() + (w - 1).exp().sum(),
}
OPTIONS = {
    "plain": {"lr": 0.01},
    "search": {"line_search_fn": "strong_wolfe"},
    "short memory": {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 4},
    "few evaluations": {"line_search_fn": "strong_wolfe", "max_eval": 3},
    "large steps": {"line_search_fn": "strong_wolfe", "lr": 8.0},
    "loose": {"line_search_fn": "strong_wolfe", "tolerance_grad": 0.1, "tolerance_change": 1e-3},
}


class Problem:
    """Two parameters of different shapes, whose closure counts its calls."""

    def __init__(self, library, loss, options):
        self.loss, self.calls = loss, 0
        self.a = library.tensor([[-1.5]], dtype=library.float64, requires_grad=True)
        self.b = library.tensor([2.0], dtype=library.float64, requires_grad=True)
        self.cat = library.cat
        self.optimizer = library.optim.LBFGS([self.a, self.b], **options)

    def closure(self):
        self.calls += 1
        self.optimizer.zero_grad()
        loss = self.loss(self.cat([self.a.view(-1), self.b]))
        loss.backward()
        return loss

    def step(self):
        loss = self.optimizer.step(self.closure)
        return [loss.item(), self.a.item(), self.b.item()], self.calls


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_every_step_is_pytorchs(loss, options):
    ours, theirs = Problem(tw, loss, options), Problem(torch, loss, options)
    for _ in range(4):
        (a, n), (b, m) = ours.step(), theirs.step()
        assert n == m
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_a_state_goes_on_where_it_was(tmp_path):
    problem = Problem(tw, LOSSES["Rosenbrock"], OPTIONS["short memory"])
    problem.step()
    tw.save(problem.optimizer.state_dict(), tmp_path / "state")
    other = Problem(tw, LOSSES["Rosenbrock"], OPTIONS["short memory"])
    with tw.no_grad():
        other.a.copy_(problem.a)
        other.b.copy_(problem.b)
    other.optimizer.load_state_dict(tw.load(tmp_path / "state"))
    assert problem.step()[0] == other.step()[0]


def test_what_is_refused():
    w = tw.ones(1, requires_grad=True)
    for options, message in (({"lr": -1}, "lr"), ({"line_search_fn": "armijo"}, "strong_wolfe")):
        with pytest.raises(ValueError, match=message):
            tw.optim.LBFGS([w], **options)
    with pytest.raises(ValueError, match="one group"):
        tw.optim.LBFGS([{"params": [w]}, {"params": [tw.ones(1, requires_grad=True)]}])
    with pytest.raises(ValueError, match="closure"):
        tw.optim.LBFGS([w]).step()
