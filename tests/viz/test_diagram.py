"""What diagrams show: the right blocks, variables, parameters and folds, and the same text each time."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, TraceError

from .models import GPT, MODELS, Basic, drawn, mlp

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", MODELS)
def test_the_picture_is_the_golden_one(name: str) -> None:
    """THALWEG_GOLDEN=write makes the files anew; look at them before you commit them."""
    svg, path = drawn(name).svg(style=False), GOLDEN / f"{name}.svg"
    if os.environ.get("THALWEG_GOLDEN") == "write":
        path.write_text(svg, encoding="utf-8")
    assert svg == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODELS)
def test_the_svg_is_well_formed_and_described(name: str) -> None:
    diagram = drawn(name)
    root = ET.fromstring(diagram.svg())
    space = "{http://www.w3.org/2000/svg}"
    title, description = root.find(f"{space}title"), root.find(f"{space}desc")
    assert title is not None and title.text == diagram.title
    assert description is not None and description.text == diagram.description
    assert set(root.attrib["aria-labelledby"].split()) == {title.attrib["id"], description.attrib["id"]}
    ids = [e.attrib["data-id"] for e in root.iter() if "data-id" in e.attrib]
    assert len(set(ids)) == len(ids)
    ends = {e.attrib[k] for e in root.iter() if "data-from" in e.attrib for k in ("data-from", "data-to")}
    assert ends <= set(ids)


def test_blocks_name_their_parameters() -> None:
    text = drawn("mlp").svg(style=False)
    for line in ("Linear 0", "weight 60×64", "bias 60", "3,900 parameters", "float32[16, 60]", "ReLU 1"):
        assert f">{line}</text>" in text


def test_shapes_of_the_notation() -> None:
    text = drawn("loss").svg(style=False)
    assert text.count('class="node variable observed"') == 2  # x and y
    assert text.count('class="node variable result"') == 1  # C
    assert text.count('class="node cost"') == 1  # the cross-entropy
    assert text.count('class="node block"') == 5


def test_values_that_several_blocks_read_part_at_the_variable() -> None:
    lines = drawn("resnet18_open").lines()
    assert any(line.endswith("-> Conv2d conv1, +") for line in lines)


def test_repeated_blocks_are_drawn_once_with_their_number() -> None:
    diagram = tw.viz.diagram(GPT(blocks=12), tw.zeros(2, 32, dtype=tw.int64), depth=2)
    assert "Block 0  × 12" in diagram.svg()
    assert "12 × 49,984 parameters" in diagram.svg()
    assert f"{sum(p.numel() for p in GPT(blocks=12).parameters()):,} parameters" in repr(diagram)
    apart = tw.viz.diagram(GPT(blocks=3), tw.zeros(2, 32, dtype=tw.int64), depth=2, repeats=False)
    assert [f"Block {i}" in apart.svg() for i in range(3)] == [True] * 3


def test_blocks_of_another_make_are_not_folded() -> None:
    model = nn.Sequential(Basic(4, 4), Basic(4, 4), Basic(4, 8, 2), Basic(8, 8))
    diagram = tw.viz.diagram(model, tw.ones(1, 4, 8, 8), depth=1)
    titles = [unit.name for unit in diagram.view.blocks()]
    assert titles == ["0", "2", "3"]
    assert [unit.repeats for unit in diagram.view.blocks()] == [2, 1, 1]


def test_a_block_whose_output_is_used_elsewhere_too_is_not_folded() -> None:
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(Basic(4, 4) for _ in range(3))

        def forward(self, x: tw.Tensor) -> tw.Tensor:
            outs = [x]
            for layer in self.layers:
                outs.append(layer(outs[-1]))
            return tw.cat(outs, 1)

    diagram = tw.viz.diagram(Dense(), tw.ones(1, 4, 8, 8), depth=1)
    assert [unit.repeats for unit in diagram.view.blocks()] == [1, 1, 1, 1]


def test_depth_opens_containers() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 2), nn.Tanh())), nn.Linear(2, 1))
    counts = [len(tw.viz.diagram(model, tw.ones(1, 3), depth=d).view.blocks()) for d in (0, 1, 2, 3, 9)]
    assert counts == [1, 2, 3, 4, 4]
    assert tw.viz.diagram(model, tw.ones(1, 3)).depth == 3


def test_the_backward_pass_mirrors_the_modules() -> None:
    diagram = drawn("backward")
    titles = [line for line in diagram.lines() if "∂C/∂ " in line]
    assert titles == [
        "∂ Linear 2 -> ∂C/∂ 2.weight float32[2, 3]",
        "∂ Linear 2 -> ∂C/∂ 2.bias float32[2]",
        "∂ Linear 0 -> ∂C/∂ 0.weight float32[3, 4]",
        "∂ Linear 0 -> ∂C/∂ 0.bias float32[3]",
    ]
    assert "∂C/∂output float32[5, 2] -> ∂ Linear 2" in list(diagram.lines())


def test_nothing_changes() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x = tw.rand(5, 4)
    state = tw.get_rng_state()
    tw.viz.diagram(model, x, backward=True)
    assert all((before[k] == v).all() for k, v in model.state_dict().items())
    assert (tw.get_rng_state() == state).all()
    assert all(p.grad is None for p in model.parameters())
    assert model.training


def test_functions_data_and_compiled_functions() -> None:
    table = tw.ones(3)

    def shifted(x: tw.Tensor, scale: float) -> tw.Tensor:
        return x * scale + table

    for function in (shifted, tw.compile(shifted)):
        lines = list(tw.viz.diagram(function, tw.ones(3), 2.0).lines())
        assert lines == [
            "x float32[3] -> ×",
            "× -> float32[3] -> +",
            "table float32[3] -> +",
            "+ -> output float32[3]",
        ]


def test_names_are_escaped() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module("<b>&", nn.Linear(2, 2))

        def forward(self, x: tw.Tensor) -> tw.Tensor:
            return getattr(self, "<b>&")(x)

    diagram = tw.viz.diagram(Odd(), tw.ones(1, 2), title="a < b & c")
    ET.fromstring(diagram.svg())
    assert "<b>" not in diagram.html()


def test_empty_and_scalar_values() -> None:
    lines = list(tw.viz.diagram(lambda x: x.sum(), tw.ones(0, 3)).lines())
    assert lines == ["x float32[0, 3] -> sum", "sum -> C float32"]
    assert "identity" in repr(tw.viz.diagram(nn.Identity(), tw.ones(2), title="identity"))


def test_what_cannot_be_drawn_is_refused() -> None:
    x = tw.ones(2, 64)
    with pytest.raises(ArgumentError, match="direction must be"):
        tw.viz.diagram(mlp(), x, direction="up")
    with pytest.raises(ArgumentError, match="depth must be at least 0, not -1"):
        tw.viz.diagram(mlp(), x, depth=-1)
    with pytest.raises(ArgumentError, match="requires a gradient, and none does"):
        tw.viz.diagram(lambda x: x.argmax(), x, backward=True)
    with pytest.raises(TraceError, match=r"test_diagram.py:\d+"):
        tw.viz.diagram(lambda x: 1 if x.sum() > 0 else 2, x)


def test_saving(tmp_path: Path) -> None:
    diagram = drawn("mlp")
    assert diagram.save(tmp_path / "a.svg").read_text(encoding="utf-8") == diagram.svg()
    assert diagram.save(tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    png = diagram.save(tmp_path / "a.png", scale=1).read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(png[16:20], "big") == pytest.approx(diagram.width, abs=1)
    with pytest.raises(ArgumentError, match=r"'a.pdf' should end in .svg, .html or .png"):
        diagram.save(tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


def test_a_training_step_shows_its_optimiser_as_one_line() -> None:
    generator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = tw.optim.Adam(generator.parameters())

    def step(z: tw.Tensor) -> tw.Tensor:
        optimizer.zero_grad()
        loss = generator(z).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    diagram = tw.viz.diagram(step, tw.ones(5, 4))
    kinds = [unit.kind for unit in diagram.view.blocks()]
    assert sum(kind.startswith("test_diagram.py:") for kind in kinds) == 1
    assert "data" not in repr(diagram)  # the optimiser's moments are its own affair


def test_a_function_written_in_one_line_has_no_circles() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = tw.optim.Adam(model.parameters())
    steps = {}
    exec("def step(z):\n optimizer.zero_grad(); l = model(z).sum(); l.backward(); optimizer.step(); return l",
         {"model": model, "optimizer": optimizer}, steps)  # fmt: skip
    diagram = tw.viz.diagram(steps["step"], tw.ones(5, 4))
    assert all(edge.points[0][1] <= edge.points[-1][1] for edge in diagram.layout.edges)


def test_an_input_that_comes_out_again() -> None:
    assert list(tw.viz.diagram(lambda x: x, tw.ones(2)).lines()) == ["x -> output float32[2]"]


def test_many_states_for_the_backward_pass_stand_beside_its_blocks() -> None:
    model = nn.Sequential(*(m for _ in range(8) for m in (nn.Linear(3, 3), nn.Tanh())))
    diagram = tw.viz.diagram(model, tw.ones(2, 3), backward=True)
    kept = [v for v in diagram.view.variables if v.role == "kept"]
    assert len(kept) == 16 and all(v.consumers[0].backward for v in kept)
    assert "Tanh 1 float32[2, 3] -> ∂ Tanh 1" in list(diagram.lines())
    assert "∂C/∂ weight 3×3" in diagram.svg()
