"""The examples, each run for a few steps and checked for what it learns."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
ELSEWHERE = ("lecture", "gallery")  # which have tests of their own
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in ELSEWHERE)


def load(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_the_arms_of_the_spiral_are_told_apart():
    assert load("spiral")["train"](150) > 0.97


def test_burgers_equation_is_solved(capsys):
    assert load("pinn_burgers")["train"](1000) < 0.1


def test_the_exact_solution_of_burgers_equation_is_one():
    """u_t + u u_x - nu u_xx by differences, and the condition at the beginning."""
    program = load("pinn_burgers")
    exact, nu, x, h = program["exact"], program["NU"], np.linspace(-0.9, 0.9, 61), 1e-4
    u = exact(x, 0.3)
    u_t = (exact(x, 0.3 + h) - exact(x, 0.3 - h)) / (2 * h)
    u_x = (exact(x + h, 0.3) - exact(x - h, 0.3)) / (2 * h)
    u_xx = (exact(x + h, 0.3) - 2 * u + exact(x - h, 0.3)) / h**2
    np.testing.assert_allclose(u_t + u * u_x - nu * u_xx, 0, atol=1e-4)
    np.testing.assert_allclose(exact(x, 1e-6), -np.sin(np.pi * x), atol=1e-4)


def test_the_autoencoder_describes_other_images_better(capsys):
    before, after = load("vae_digits")["train"](300)
    assert before > 40 and after < 29


def test_the_generator_covers_all_modes_of_the_ring_with_and_without_optimism(capsys):
    for modes, share in load("gan_ring")["train"](1000):
        assert modes == 8 and share > 0.7


def test_modes_of_the_ring_are_counted():
    program = load("gan_ring")
    assert program["measured"](program["ring"](4000)) == (8, pytest.approx(0.989, abs=0.01))  # 1 - exp(-3^2 / 2)
    assert program["measured"](program["CENTRES"][:3].repeat(100, 1)) == (3, 1.0)
    assert program["measured"](program["ring"](4000) * 2) == (0, 0.0)


def test_digits_that_a_generator_makes_can_be_read(capsys):
    accuracy, confidence, kinds = load("dcgan_digits")["train"](550)
    assert accuracy > 0.95 and confidence > 0.8 and kinds >= 9


def test_images_are_read_by_their_classifier():
    import thalweg as tw

    def classify(images):
        return 3 * images[:, :10]  # the first ten pixels are the logits

    images = tw.zeros(100, 1, 8, 8)
    for i in range(100):
        images[i, 0, i // 99, 2] = 1.0  # the last image has its pixel elsewhere, so that nothing is read in it
    sure = np.exp(3) / (np.exp(3) + 9)
    assert load("dcgan_digits")["read"](classify, images) == (pytest.approx(0.99 * sure + 0.001), 1)


def test_lenet_reads_digits():
    assert load("lenet5_digits")["train"](66) > 0.93


def test_the_residual_network_reads_digits():
    assert load("resnet_digits")["train"](66) > 0.9


@pytest.mark.parametrize(("name", "steps", "bound"), [("char_gpt", 40, 2.9), ("char_lstm", 60, 2.2)])
def test_text_is_learned(name, steps, bound, capsys):
    before, after = load(name)["train"](steps)
    assert before > 3.9 and after < bound  # log(59) is 4.08; a letter by its frequency alone would cost 3.1
    assert len(capsys.readouterr().out.splitlines()[-1]) >= 1


def test_attention_of_the_gpt_looks_back_only():
    import thalweg as tw

    program = load("char_gpt")
    model = program["GPT"](11, context=8, width=16, layers=2, heads=2).eval()
    letters = tw.randint(0, 11, (1, 8))
    changed = letters.clone()
    changed[0, 5] = (changed[0, 5] + 1) % 11
    with tw.no_grad():
        a, b = model(letters), model(changed)
    np.testing.assert_array_equal(a[0, :5].numpy(), b[0, :5].numpy())
    assert (a[0, 5:] != b[0, 5:]).any(-1).all()
    assert model.wte.weight is model.lm_head.weight


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_is_a_program_with_steps(name):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--steps", "2"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "step" in done.stdout or "epoch" in done.stdout


def test_every_example_is_told_of():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in PROGRAMS if f"`{name}.py`" not in text] == []
