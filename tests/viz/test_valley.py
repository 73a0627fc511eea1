"""The valley: losses against direct computation, planes and paths that are known, and models left as they were."""

from __future__ import annotations

import os
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn, optim, viz
from thalweg.errors import ArgumentError, DependencyError
from thalweg.viz.valley.landscape import filter_normalised
from thalweg.viz.valley.levels import Curves, label_places, levels_for
from thalweg.viz.valley.plane import main_plane

from .valleys import START, VALLEYS, line_data, line_model, network, network_data, quadratic, rosenbrock

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", VALLEYS)
def test_the_picture_is_the_golden_one(name: str) -> None:
    """THALWEG_GOLDEN=write makes the files anew; look at them before you commit them."""
    svg, path = VALLEYS[name]().svg(style=False), GOLDEN / f"valley_{name}.svg"
    if os.environ.get("THALWEG_GOLDEN") == "write":
        path.write_text(svg, encoding="utf-8")
    assert svg == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", VALLEYS)
def test_it_is_well_formed_and_described(name: str) -> None:
    picture = VALLEYS[name]()
    root = ET.fromstring(picture.svg())
    assert root.findtext(f"{SVG}title") == picture.title
    assert root.findtext(f"{SVG}desc") == picture.description
    assert "nan" not in picture.svg()


def loss_at(model: nn.Module, weights: list[np.ndarray], loss: nn.Module, data: tuple[tw.Tensor, tw.Tensor]) -> float:
    """The loss of a copy of the model whose parameters have been set by hand."""
    other = network() if len(weights) == 4 else line_model()
    for p, w in zip(other.parameters(), weights, strict=True):
        p.data.copy_(tw.tensor(w))
    return float(loss(other(data[0]), data[1]))


def test_a_landscape_has_the_losses_of_the_moved_model() -> None:
    model, loss, data = network(), nn.MSELoss(), network_data()
    given = [[tw.tensor(np.sin(np.arange(p.numel()) + k)).reshape(p.shape) for p in model.parameters()] for k in (0, 5)]
    found = viz.landscape(model, loss, data, points=5, directions=given, normalise=None)
    for i, j in ((0, 0), (1, 3), (2, 2), (4, 0)):
        weights = [
            p.detach().numpy() + found.a[i] * d.numpy() + found.b[j] * e.numpy()
            for p, d, e in zip(model.parameters(), *given, strict=True)
        ]
        assert found.loss[i, j] == pytest.approx(loss_at(model, weights, loss, data), rel=1e-12)


def test_compiled_and_eager_losses_agree() -> None:
    from thalweg.viz.valley.grid import losses_along
    from thalweg.viz.valley.objective import ModuleCost

    objective = ModuleCost(network(), nn.MSELoss(), network_data())
    directions = [{"0.weight": tw.ones(4, 2, dtype=tw.float64)}, {"2.bias": tw.ones(1, dtype=tw.float64)}]
    points = np.stack([np.linspace(-1, 1, 9), np.linspace(2, -2, 9)], axis=1)
    native, plain = (losses_along(objective, objective.start, directions, points, compile=c) for c in (True, False))
    assert native == pytest.approx(plain, rel=1e-12)
    assert len(set(native)) == 9


def test_directions_have_the_norms_of_the_filters() -> None:
    weight = tw.randn(6, 3, 2, 2, generator=tw.Generator().manual_seed(1))
    weight[4] = 0
    direction = tw.randn(6, 3, 2, 2, generator=tw.Generator().manual_seed(2))
    found = filter_normalised(direction, weight).numpy().reshape(6, -1)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.linalg.norm(weight.numpy().reshape(6, -1), axis=1))
    d = direction.numpy().reshape(6, -1)
    cosine = (found * d).sum(1)[:4] / np.linalg.norm(found, axis=1)[:4] / np.linalg.norm(d, axis=1)[:4]
    assert cosine == pytest.approx(np.ones(4))


def test_the_picture_is_the_same_after_a_relu_network_is_rescaled() -> None:
    """Multiplying one layer and dividing the next changes no output, and filter normalisation no picture."""
    x, y = network_data()
    model = nn.Sequential(nn.Linear(2, 4, bias=False), nn.ReLU(), nn.Linear(4, 1, bias=False)).to(tw.float64)
    before = viz.landscape(model, nn.MSELoss(), (x, y), points=7)
    with tw.no_grad():
        model[0].weight *= 10
        model[2].weight /= 10
    after = viz.landscape(model, nn.MSELoss(), (x, y), points=7)
    assert after.loss == pytest.approx(before.loss, rel=1e-9)
    plain = viz.landscape(model, nn.MSELoss(), (x, y), points=7, normalise=None)
    assert plain.loss != pytest.approx(before.loss, rel=0.1)


def test_biases_and_norms_stay_unless_asked() -> None:
    x = tw.linspace(-1, 1, 12).reshape(6, 2)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    shift = [[tw.zeros_like(p) if p.ndim > 1 else tw.ones_like(p) for p in model.parameters()]]
    still = viz.landscape(model, lambda out: out.square().mean(), x, dimensions=1, points=3)
    with_biases = viz.landscape(model, lambda out: out.square().mean(), x, dimensions=1, points=3, biases=True)
    given = viz.landscape(model, lambda out: out.square().mean(), x, dimensions=1, points=3, directions=shift)
    assert len({still.loss[0], with_biases.loss[0], given.loss[0]}) == 3
    assert still.loss[1] == with_biases.loss[1] == given.loss[1]


def snapshot(model: nn.Module) -> tuple[dict[str, bytes], list[bool]]:
    return {k: v.numpy().tobytes() for k, v in model.state_dict().items()}, [m.training for m in model.modules()]


@pytest.mark.parametrize("training", [False, True])
def test_the_model_is_left_as_it_was(training: bool) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 1))
    model[1].eval()
    x, y = (t.to(tw.float32) for t in network_data())
    before, state, tensors = snapshot(model), tw.get_rng_state().tolist(), list(model.parameters())
    viz.landscape(model, nn.MSELoss(), (x, y), points=3, training=training)
    viz.trajectory(model, nn.MSELoss(), (x, y), steps=3, points=3, training=training)
    assert snapshot(model) == before
    assert tw.get_rng_state().tolist() == state
    assert all(a is b for a, b in zip(model.parameters(), tensors, strict=True))
    assert all(p.grad is None for p in tensors)


def test_the_model_is_left_as_it_was_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = snapshot(model)

    def broken(output, target):
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        viz.landscape(model, broken, (tw.ones(4, 2), tw.ones(4, 3)), points=3)
    with pytest.raises(KeyError, match="broken"):
        viz.descend(model, broken, (tw.ones(4, 2), tw.ones(4, 3)), steps=3)
    assert snapshot(model) == before


def test_batch_norm_is_evaluated_with_its_running_statistics() -> None:
    model = nn.Sequential(nn.Linear(2, 3, dtype=tw.float64), nn.BatchNorm1d(3, dtype=tw.float64))
    model[1].running_mean += 5
    x = network_data()[0]
    found = viz.landscape(model, lambda out: out.square().mean(), x, points=3)
    model.eval()
    assert found.loss[1, 1] == pytest.approx(float(model(x).square().mean()), rel=1e-12)
    trained = viz.landscape(model, lambda out: out.square().mean(), x, points=3, training=True)
    assert trained.loss[1, 1] == pytest.approx(1, rel=1e-3)  # normalised over the batch


def test_what_branches_on_its_numbers_is_evaluated_point_by_point() -> None:
    def kink(x, y):
        return x * 2 + y * y if x > 0 else -x + y * y

    picture = viz.trajectory(kink, x0=(1.0, 1.0), steps=4, points=5, x_range=(-1, 1), y_range=(-1, 1))
    assert picture.loss[[0, 4], 2].tolist() == [1.0, 2.0]


def test_a_function_is_evaluated_on_the_grid() -> None:
    picture = viz.trajectory(rosenbrock, x0=START, steps=3, points=9, x_range=(-2, 2), y_range=(-1, 3))
    a, b = np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-1, 3, 9), indexing="ij")
    assert picture.loss == pytest.approx((1 - a) ** 2 + 100 * (b - a**2) ** 2, rel=1e-5)
    assert picture.plane.labels == ("x", "y")


def test_descend_takes_the_steps_of_gradient_descent() -> None:
    path = viz.descend(quadratic, x0=(1.0, 1.0), lr=0.1, steps=3)
    assert path.points == pytest.approx(np.array([[0.8**k, 0.2**k] for k in range(4)]))


@pytest.mark.parametrize("batch_size", [None, 1, 6])
def test_descend_does_what_a_training_loop_does(batch_size: int | None) -> None:
    model, loss, (x, y) = network(), nn.MSELoss(), network_data()
    path = viz.descend(model, loss, (x, y), batch_size=batch_size, lr=0.2, steps=40, seed=4)
    by_hand = viz.Path()
    by_hand.record(model)
    tw.manual_seed(4)
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    order = [None] * 40
    if batch_size is not None:
        order = [rows for _ in range(40) for rows in tw.randperm(30).split(batch_size)][:40]
    for rows in order:
        optimizer.zero_grad()
        loss(model(x), y).backward() if rows is None else loss(model(x[rows]), y[rows]).backward()
        optimizer.step()
        by_hand.record(model)
    assert path.points == pytest.approx(by_hand.points, rel=1e-12)
    assert len(path) == 41 and path.steps == 40


def test_descend_takes_any_optimiser() -> None:
    path = viz.descend(quadratic, x0=(3.0, 1.0), optimizer=lambda w: optim.LBFGS(w, max_iter=20), steps=2)
    assert np.abs(path.points[-1]).max() < 1e-3


def test_a_diverging_path_ends_and_the_picture_says_what_lies_outside() -> None:
    path = viz.descend(lambda x, y: (x * x + y * y) ** 2, x0=(3.0, 3.0), lr=1.0, steps=50)
    assert path.steps < 50 and np.isfinite(path.points).all()
    picture = viz.trajectory(
        quadratic, x0=(1.0, 1.0), points=9, x_range=(-1, 1), y_range=(-1, 1),
        paths=viz.descend(quadratic, x0=(1.0, 1.0), lr=0.6, steps=6),
    )  # fmt: skip
    assert "6 points of it lie outside the picture" in picture.description


def test_a_long_path_keeps_a_thousand_points_and_its_end() -> None:
    path = viz.Path(every=7)
    for k in range(24):
        path.record(tw.tensor([float(k), 0.0]))
    assert path.points[:, 0].tolist() == [0, 7, 14, 21, 23]
    assert path.steps == 23
    assert len(viz.descend(quadratic, x0=(1.0, 1.0), lr=1e-3, steps=2500)) == 835


def test_main_directions_of_a_known_path() -> None:
    first, second = np.array([3.0, 0, 4, 0, 0]) / 5, np.array([0, 1.0, 0, 0, 0])
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    points = 7 + 3 * np.cos(t)[:, None] * first + np.sin(t)[:, None] * second
    plane = main_plane([points])
    assert plane.directions == pytest.approx(np.stack([first, second]), abs=1e-9)
    assert plane.origin == pytest.approx(points[-1])
    assert plane.labels == ("first main direction (90 % of the variance)", "second main direction (10 %)")
    around = plane.project(points) + np.array([3 * np.cos(t[-1]), np.sin(t[-1])])
    assert around == pytest.approx(np.stack([3 * np.cos(t), np.sin(t)], axis=1), abs=1e-9)


def test_main_directions_of_many_points_are_those_of_the_svd() -> None:
    points = np.sin(np.outer(np.arange(1, 60), np.arange(1, 8)) * 0.37) * np.arange(1, 8)
    right = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2]
    found = main_plane([points]).directions
    assert np.abs(found @ right[:2].T) == pytest.approx(np.eye(2), abs=1e-9)


def test_the_largest_weight_of_a_main_direction_is_positive() -> None:
    for k in range(12):
        points = np.sin(np.outer(np.arange(1, 30), np.arange(1, 6)) * 0.31 + k) * np.cos(np.arange(5) * (1 + k))
        for direction in main_plane([points]).directions:
            assert direction[np.abs(direction).argmax()] > 0


def test_a_long_path_counts_no_more_than_a_short_one() -> None:
    """Along x the short path varies most, along y the long one; both variances are means over the points of a path."""
    short = np.array([[-2.0, 0, 0], [2, 0, 0]])
    long = np.stack([np.zeros(300), np.tile([-1.0, 1.0], 150), np.zeros(300)], axis=1)
    plane = main_plane([short, long])
    assert np.abs(plane.directions) == pytest.approx(np.eye(3)[:2], abs=1e-9)
    assert "(80 % of the variance)" in plane.labels[0] and "(20 %)" in plane.labels[1]


def test_frozen_parameters_stay() -> None:
    model, loss, data = network(), nn.MSELoss(), network_data()
    model[0].weight.requires_grad_(False)
    path = viz.Path()
    path.record(model)
    assert path.points.shape == (1, 9) and viz.descend(model, loss, data, steps=1).points.shape == (2, 9)
    given = [tw.ones_like(p) for p in model.parameters() if p.requires_grad]
    found = viz.landscape(model, loss, data, dimensions=1, points=3, directions=[given], normalise=None)
    weights = [p.detach().numpy() + (k > 0) for k, p in enumerate(model.parameters())]
    assert found.loss[2] == pytest.approx(loss_at(model, weights, loss, data), rel=1e-12)


def test_a_straight_path_spans_a_plane_with_any_other_direction() -> None:
    plane = main_plane([np.outer(np.arange(5.0), [1.0, 2.0, 2.0])])
    assert plane.directions[0] == pytest.approx(np.array([1, 2, 2]) / 3)
    assert plane.directions @ plane.directions.T == pytest.approx(np.eye(2), abs=1e-12)
    assert "100 %" in plane.labels[0] and "(0 %)" in plane.labels[1]


def test_two_weights_by_name() -> None:
    model, loss, data = network(), nn.MSELoss(), network_data()
    path = viz.descend(model, loss, data, lr=0.1, steps=5)
    picture = viz.trajectory(model, loss, data, paths=path, plane=("0.weight[3, 1]", "2.bias[0]"), points=5)
    assert picture.tracks[0] == pytest.approx(path.points[:, [7, 16]])
    parts = np.split(path.points[-1].copy(), [8, 12, 16])
    parts[0][7], parts[3][0] = picture.a[1], picture.b[3]
    weights = [part.reshape(p.shape) for part, p in zip(parts, model.parameters(), strict=True)]
    assert picture.loss[1, 3] == pytest.approx(loss_at(model, weights, loss, data), rel=1e-12)


def test_the_plane_of_one_picture_serves_another() -> None:
    model, loss, data = network(), nn.MSELoss(), network_data()
    first = viz.trajectory(model, loss, data, lr=0.1, steps=5, points=3)
    other = viz.descend(model, loss, data, optimizer=lambda w: optim.Adam(w, lr=0.1), steps=5)
    second = viz.trajectory(model, loss, data, paths=other, plane=first.plane, points=3)
    assert second.plane is first.plane
    with pytest.raises(ArgumentError, match="the plane is of 17 weights, but there are 2"):
        trajectory_of_line(plane=first.plane)


def test_shades_have_a_scale_from_the_largest_loss_to_the_smallest() -> None:
    svg, (low, high) = VALLEYS["shades"]().svg(), VALLEYS["shades"]().range()
    top, bottom = (re.search(rf'y="([\d.]+)">{v:.3g}</text>', svg) for v in (low, high))
    assert top is not None and bottom is not None and float(top[1]) < float(bottom[1])


def test_two_directions_need_not_be_orthogonal() -> None:
    model, loss, data = line_model(), nn.MSELoss(), line_data()
    path = viz.descend(model, loss, data, lr=0.1, steps=5)
    picture = viz.trajectory(model, loss, data, paths=[path], plane=([1.0, 0.0], {"weight": tw.tensor([[1.0]]),
                             "bias": tw.tensor([2.0])}), points=5)  # fmt: skip
    back = picture.plane.origin + picture.tracks[0] @ picture.plane.directions
    assert back == pytest.approx(path.points)


def test_the_paths_losses_are_those_on_all_data() -> None:
    model, loss, data = line_model(), nn.MSELoss(), line_data()
    path = viz.descend(model, loss, data, batch_size=1, lr=0.1, steps=9)
    picture = viz.trajectory(model, loss, data, paths=path, points=5)
    for point, value in zip(path.points[[0, -1]], picture.ends[0], strict=True):
        weights = [point[:1].reshape(1, 1), point[1:]]
        assert value == pytest.approx(loss_at(model, weights, loss, data), rel=1e-12)


def test_a_model_of_two_weights_is_drawn_over_them_with_the_usual_descents() -> None:
    picture = viz.trajectory(line_model(), nn.MSELoss(), line_data(), steps=4, points=5)
    assert picture.plane.labels == ("weight[0, 0]", "bias[0]")
    assert picture.names == ["full batch", "single samples"]  # there are fewer than 32 rows
    tall = (tw.zeros(40, 1, dtype=tw.float64), tw.zeros(40, 1, dtype=tw.float64))
    assert viz.trajectory(line_model(), nn.MSELoss(), tall, steps=4, points=5).names[1] == "batches of 32"


def test_points_of_a_level_curve_lie_on_the_level() -> None:
    x, y = np.linspace(-2, 2, 101), np.linspace(-1, 1, 81)
    curves = Curves(x, y, x[None, :] ** 2 + 4 * y[:, None] ** 2)
    for level in (0.5, 1.0, 3.0):
        (line,) = curves.lines(level)
        assert line[:, 0] ** 2 + 4 * line[:, 1] ** 2 == pytest.approx(np.full(len(line), level), rel=2e-3)
        assert (line[0] == line[-1]).all()
    assert len(curves.lines(4.5)) == 4  # the corners


def test_drawn_level_curves_lie_on_their_levels() -> None:
    picture = viz.trajectory(quadratic, x0=(1.0, 0.6), lr=0.05, steps=9, x_range=(-2, 2), y_range=(-1, 1))
    plot = picture.plot(*picture.axes(), names=picture.plane.labels, top=50 + 18 * 2)
    paths = re.findall(r'class="level" d="([^"]*)"', picture.svg())
    assert len(paths) == len(picture.levels) > 5
    for level, path in zip(picture.levels, paths, strict=True):
        places = np.array([[float(v) for v in pair.split(",")] for pair in re.findall(r"[\d.]+,[\d.]+", path)])
        x = -2 + 4 * (places[:, 0] - plot.left) / (plot.right - plot.left)
        y = -1 + 2 * (places[:, 1] - plot.bottom) / (plot.top - plot.bottom)
        slope = 2 * np.hypot(x / (plot.right - plot.left) * 4, 4 * y / (plot.bottom - plot.top) * 2)
        assert (np.abs(quadratic(x, y) - level) <= 0.3 * slope + 1e-3).all()  # a third of a pixel


@pytest.mark.parametrize(
    ("losses", "levels"),
    [
        ([0.0, 1.0], [float(f"{m}e{d}") for d in range(-6, 0) for m in (1, 3)][1:]),
        ([1.0, 1.0], []),
        ([np.nan, np.inf], []),
        ([-1.0, 1.0], [-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8]),
        ([1.0, 30.0], [1.5, 2, 3, 5, 7, 10, 15, 20]),
    ],
)
def test_levels(losses: list[float], levels: list[float]) -> None:
    assert levels_for(np.array(losses)) == levels


def test_numbers_stay_in_the_frame_and_off_each_other() -> None:
    line = np.stack([np.linspace(0, 100, 50), np.full(50, 50.0)], axis=1)
    places = label_places([[line], [line], [line[:5]]], [(20, 10)] * 3, (0, 0, 100, 100), [(40, 40, 60, 60)])
    assert places[2] is None  # its line is shorter than its number
    (x1, _), (x2, _) = places[:2]  # type: ignore[misc]
    assert abs(x1 - x2) >= 20 and all(not 30 < x < 70 and 10 <= x <= 90 for x in (x1, x2))


def test_paths_differ_in_more_than_colour() -> None:
    svg = VALLEYS["three_in_rosenbrock"]().svg(style=False)
    strokes = set(re.findall(r'class="line thin (s\d)" style="(stroke-dasharray: [^"]*)"', svg))
    assert len(strokes) == 2 and len({dash for _, dash in strokes}) == 2
    assert ">momentum &lt;0.9&gt;: 60 steps, loss 7.4" in svg
    assert ">start</text>" in svg and ">end</text>" in svg


def test_losses_that_are_not_finite_leave_holes() -> None:
    picture = viz.trajectory(lambda x, y: tw.log(x) ** 2 + y * y, x0=(1.0, 1.0), steps=4, points=9,
                             x_range=(-1, 1.5), y_range=(-1, 1))  # fmt: skip
    assert "36 of 81 points it is not finite" in picture.description
    assert "nan" not in picture.svg()


def test_a_landscape_where_nothing_is_finite_is_drawn_empty() -> None:
    model = nn.Linear(1, 1)
    for draw in ("levels", "heat"):
        found = viz.landscape(model, lambda out: out.sum() * np.nan, tw.ones(3, 1), points=3, draw=draw)
        assert "No loss on the plane is finite" in found.description
        ET.fromstring(found.svg())
    ET.fromstring(viz.landscape(model, lambda out: out.sum() * np.nan, tw.ones(3, 1), dimensions=1, points=3).svg())


def test_profiles() -> None:
    model, loss, data = network(), nn.MSELoss(), network_data()
    found = viz.landscape(model, loss, data, dimensions=1, points=7, span=0.5)
    assert found.a.tolist() == pytest.approx(np.linspace(-0.5, 0.5, 7).tolist())
    assert found.loss[3] == pytest.approx(float(loss(model(data[0]), data[1])), rel=1e-12)
    plane = viz.landscape(model, loss, data, points=7, span=0.5)
    assert plane.loss[:, 3] == pytest.approx(found.loss)  # the first direction of the same seed
    lines = plane.profile()
    assert [name for name, _, _ in lines.lines] == ["first", "second"]
    assert lines.lines[1][2] == pytest.approx(plane.loss[3])


def test_without_contourpy_level_curves_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "contourpy", None)
    with pytest.raises(DependencyError, match=r"pip install 'thalweg\[viz\]'"):
        viz.trajectory(quadratic, x0=(1.0, 1.0))
    found = viz.landscape(line_model(), nn.MSELoss(), line_data(), points=3)
    with pytest.raises(DependencyError, match="contourpy"):
        found.svg()
    ET.fromstring(viz.landscape(line_model(), nn.MSELoss(), line_data(), points=3, draw="heat").svg())


def trajectory_of_line(**changes):
    return viz.trajectory(line_model(), nn.MSELoss(), line_data(), **{"steps": 2, "points": 3, **changes})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: viz.trajectory(line_model()), "a model needs a loss and data"),
        (lambda: viz.trajectory(quadratic), "give a module, a loss and data, or a function"),
        (lambda: viz.trajectory(quadratic, x0=1.0), "one number for each argument"),
        (lambda: viz.trajectory(quadratic, x0=(1.0, 1.0), paths=[]), "no path to draw"),
        (lambda: trajectory_of_line(paths=viz.Path("mine")), "'mine' is empty"),
        (lambda: trajectory_of_line(paths=viz.descend(lambda x: x * x, x0=(1.0,))), "is of 1 weights"),
        (lambda: trajectory_of_line(plane=("weight[0, 0]", "weight[0, 0]")), "two different weights"),
        (lambda: trajectory_of_line(plane=("weight[0, 0]", "wait[0]")), "no weight 'wait'"),
        (lambda: trajectory_of_line(plane=("weight[0]", "bias[0]")), "no single weight"),
        (lambda: trajectory_of_line(plane=("weight[0, 1]", "bias[0]")), "no single weight"),
        (lambda: trajectory_of_line(plane=([1.0, 2.0], [2.0, 4.0])), "span no plane"),
        (lambda: trajectory_of_line(plane=([1.0, 2.0, 3.0], [2.0, 4.0, 1.0])), "2 finite numbers"),
        (lambda: trajectory_of_line(plane=({"w": 1}, [2.0, 4.0])), "a direction names 'w'"),
        (lambda: trajectory_of_line(plane="main"), 'plane should be "pca"'),
        (lambda: trajectory_of_line(plane="pca", steps=0), "do not move"),
        (lambda: trajectory_of_line(points=1), "points should be 2 or more"),
        (lambda: trajectory_of_line(x_range=(1, 0)), "from a number to a larger one"),
        (lambda: viz.descend(line_model(), nn.MSELoss(), line_data(), batch_size=99), "from 1 to the 20 rows"),
        (lambda: viz.descend(line_model(), nn.MSELoss(), line_data(), steps=-1), "not be negative"),
        (lambda: viz.descend(line_model(), nn.MSELoss(), [1, 2]), "a pair of tensors"),
        (lambda: viz.Path(every=0), "1 or more"),
        (lambda: viz.Path().record(), "no weights to record"),
        (lambda: viz.landscape(line_model(), nn.MSELoss(reduction="none"), line_data()), "should be a single number"),
        (lambda: viz.landscape(line_model(), nn.MSELoss(), line_data(), dimensions=3), "1 or 2"),
        (lambda: viz.landscape(line_model(), nn.MSELoss(), line_data(), span=0), "span positive"),
        (lambda: viz.landscape(line_model(), nn.MSELoss(), line_data(), normalise="unit"), "normalise should be"),
        (lambda: viz.landscape(line_model(), nn.MSELoss(), line_data(), directions=[[]]), "2 directions"),
        (lambda: viz.landscape(line_model(), nn.MSELoss(), line_data(), directions=[[], []]), "tensors of shapes"),
        (lambda: viz.landscape(nn.BatchNorm1d(1), lambda out: out.mean(), tw.ones(3, 1)), "biases=True"),
        (lambda: viz.landscape(nn.ReLU(), lambda out: out.mean(), tw.ones(3, 1)), "no trainable parameters"),
    ],
)
def test_bad_input_is_refused(make, words: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(words)):
        make()


def test_a_path_takes_points_of_one_size_only() -> None:
    path = viz.Path("mine")
    path.record(tw.zeros(2))
    with pytest.raises(ArgumentError, match="of 3 does not fit"):
        path.record(tw.zeros(3))
