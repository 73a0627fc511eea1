"""The report of a run: complete, self-contained, safe, and there even where a folder is old or damaged."""

import base64
import io
import json
import struct
import webbrowser
import zlib

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from thalweg.cli import cli
from thalweg.errors import RunError
from thalweg.train.report import load_run_data, write_report
from thalweg.train.report.data import RunData
from thalweg.train.report.judgement import confusion_table
from thalweg.train.report.page import report_page
from thalweg.train.report.pieces import png, table, tag
from thalweg.train.report.sections import SECTIONS

from .conftest import Shell
from .pages import Page

EVIL = "<script>alert(1)</script>"
LARGEST = 3_000_000  # bytes of a report


def page_of(folder, name="report.html"):
    return Page((folder / name).read_text(encoding="utf-8"))


def copied(folder, target, /, **changes):
    """A copy of a run's folder, with settings changed."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    if changes:
        settings = json.loads((folder / "settings.json").read_text())
        (target / "settings.json").write_text(json.dumps({**settings, **changes}))
    return target


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs on digits, a classification and a regression, and one line by line."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shell = Shell(folder)
        shell.table("flowers.csv", **shell.flower_columns())
        shell.table("linear.csv", **shell.linear_columns())
        for out, *arguments in (
            ("digits", "digits", "--epochs", "8"),
            ("flowers", "flowers.csv", "--target", "kind", "--epochs", "4"),
            ("linear", "linear.csv", "--target", "y", "--epochs", "4"),
            ("eager", "linear.csv", "--target", "y", "--epochs", "2", "--eager"),
        ):
            result = CliRunner().invoke(cli, ["train", *arguments, "--out", out])
            assert result.exit_code == 0, result.output
    return folder


# -- the page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "flowers", "linear", "eager"])
def test_a_report_is_one_well_formed_file_that_needs_nothing_else(runs, name):
    page = page_of(runs / name)
    assert page.problems == []
    assert page.outside == []
    assert len(page.source.encode()) < LARGEST
    assert [section.key for section in SECTIONS if section.key not in page.ids] == []
    assert "can't be shown" not in page.source
    assert page.attributes("html") == [{"lang": "en"}]
    assert [page.count(one) for one in ("h1", "main", "nav", "header", "footer")] == [1] * 5
    assert page.count("section") == len(SECTIONS)
    assert [held["href"] for held in page.attributes("a")] == ["#main", *(f"#{section.key}" for section in SECTIONS)]
    for held in page.attributes("svg"):
        assert held["role"] == "img"
        assert all(part in page.ids for part in held["aria-labelledby"].split())
    for image in page.attributes("img"):
        assert image["alt"]


def test_every_section_shows_what_it_is_for(runs):
    texts = page_of(runs / "digits").texts
    settings = json.loads((runs / "digits" / "settings.json").read_text())
    accuracy = settings["result"]["test"]["accuracy"]
    assert f"{100 * accuracy:.1f} %" in texts["summary"]
    assert all(word in texts["curves"] for word in ("Loss", "Accuracy", "Learning rate", "train", "validation"))
    assert all(word in texts["test"] for word in ("Confusion matrix", "The worst mistakes", "taken for"))
    assert all(word in texts["gradients"] for word in ("Gradient norm", "Update-to-weight", "layer 3"))
    assert all(word in texts["histograms"] for word in ("layer 1: weight", "after the ReLU of layer 2", "dead"))
    assert all(word in texts["network"] for word in ("Linear", "ReLU", "6,750"))
    assert all(word in texts["timing"] for word in ("GFLOP/s", "product 16 x 60 x 64", "samples/s"))
    assert all(word in texts["settings"] for word in ("sgd", "0.05", "1,293"))
    assert settings["versions"]["llvmlite"] in texts["machine"]
    assert settings["machine"]["processor"] in texts["machine"]


def test_a_regression_shows_residuals_and_its_worst_rows(runs):
    texts = page_of(runs / "linear").texts
    assert all(word in texts["test"] for word in ("Residuals", "Predicted and true", "The worst rows"))
    assert "RMSE" in texts["summary"]
    assert "before clipping to 1" in texts["gradients"]


def test_a_step_line_by_line_has_no_kernels(runs):
    assert "ran line by line" in page_of(runs / "eager").texts["timing"]
    assert json.loads((runs / "eager" / "settings.json").read_text())["profile"] is None


def test_mistakes_of_a_table_show_their_rows(runs, thalweg):
    columns = {name: list(cells) for name, cells in thalweg.flower_columns().items()}
    rng = np.random.default_rng(0)
    columns["kind"] = rng.permutation(columns["kind"])  # nothing to learn, so there are mistakes
    columns["kind"][0] = ""
    thalweg.table("t.csv", **columns)
    thalweg("train", "t.csv", "--target", "kind", "--epochs", 1, "--out", "run")
    worst = json.loads((thalweg.folder / "run" / "diagnostics.json").read_text())["test"]["worst"]
    assert worst
    for mistake in worst:
        row = mistake["example"]["row"] - 1
        assert columns["kind"][row] == ("daisy", "lily", "rose")[mistake["true"]]
        assert mistake["example"]["cells"] == {"colour": columns["colour"][row], "size": f"{columns['size'][row]:.7g}"}
    assert f"{columns['size'][worst[0]['example']['row'] - 1]:.7g}" in page_of(thalweg.folder / "run").texts["test"]


def test_pictures_of_mistakes_are_png_files():
    levels = [[0, 255, 128], [10, 20, 30]]
    image = Image.open(io.BytesIO(png(levels)))
    assert image.size == (3, 2)
    np.testing.assert_array_equal(np.asarray(image), 255 - np.array(levels))
    assert zlib.crc32(png(levels)[12:29]) == struct.unpack(">I", png(levels)[29:33])[0]


def test_digits_carry_the_pictures_of_their_mistakes(runs):
    images = page_of(runs / "digits").attributes("img")
    test = json.loads((runs / "digits" / "diagnostics.json").read_text())["test"]
    assert len(images) == len(test["worst"]) == min(test["wrong"], 24) > 0
    first = Image.open(io.BytesIO(base64.b64decode(images[0]["src"].partition(",")[2])))
    np.testing.assert_array_equal(np.asarray(first), 255 - np.array(test["worst"][0]["example"]["pixels"]))


def test_a_confusion_table_has_the_counts_at_their_places():
    page = Page("<main>" + confusion_table(["a", "b"], [[0, 0, 7], [1, 0, 2], [1, 1, 6]]) + "</main>")
    assert page.problems == []
    assert [held.get("class") for held in page.attributes("td")] == [
        "right", "none", "number", "wrong", "right", "number",
    ]  # fmt: skip
    for word in (">7</td>", ">2</td>", ">6</td>", "100.0 %", "75.0 %"):
        assert word in page.source


# -- nothing of the data becomes markup -------------------------------------------------------------------


def test_names_classes_and_cells_are_escaped(thalweg):
    n = 40
    thalweg.table("t.csv", **{
        f"{EVIL}column": [EVIL if i % 2 else '"><img src=x onerror=alert(2)>' for i in range(n)],
        "x": range(n),
        f"{EVIL}target": [f"{EVIL}yes" if i % 3 else "'no'&" for i in range(n)],
    })  # fmt: skip
    thalweg("train", "t.csv", "--target", f"{EVIL}target", "--epochs", 1, "--out", "run")
    page = page_of(thalweg.folder / "run")
    assert page.problems == []
    assert page.outside == []
    assert EVIL not in page.source
    assert "onerror=alert" not in page.source.replace("&quot;&gt;&lt;img src=x onerror=alert", "")
    assert all("onerror" not in held for _, held in page.elements)
    assert f"{EVIL}yes" in page.texts["test"]
    assert f"{EVIL}column" in page.texts["settings"]
    scripts = page.count("script")
    assert scripts == 1


def test_damage_in_a_folder_is_escaped_too(runs, tmp_path):
    run = copied(
        runs / "flowers", tmp_path / "r", layers=[EVIL], notes=[EVIL], machine={EVIL: EVIL}, versions={"a": EVIL},
        options={EVIL: EVIL, "epochs": EVIL}, source=EVIL, target={"task": EVIL, "name": EVIL},
        result={"ended": EVIL, "best_epoch": EVIL, "test": EVIL},
    )  # fmt: skip
    (run / "metrics.jsonl").write_text(json.dumps({"epoch": 1, "gradient_norms": {EVIL: 1.0}, "seconds": EVIL}) + "\n")
    write_report(run)
    page = page_of(run)
    assert page.problems == []
    assert EVIL not in page.source
    assert "This can't be shown" in page.texts["network"]


def test_the_name_of_a_folder_is_escaped_too(runs, tmp_path):
    run = copied(runs / "flowers", tmp_path / "<img src=x onerror=alert(3)>&")
    write_report(run)
    page = page_of(run)
    assert page.problems == []
    assert page.outside == []
    assert page.count("img") == 0
    assert page.texts["network"].count("<img src=x onerror=alert(3)>&") >= 1


def test_pieces_escape_text_and_attributes():
    assert tag("p", "<&>", title='"<') == '<p title="&quot;&lt;">&lt;&amp;&gt;</p>'
    assert EVIL not in table([EVIL], [[EVIL, EVIL]], EVIL)


# -- folders that are old, cut short or damaged -----------------------------------------------------------


def test_a_folder_of_an_older_version_gives_a_report_with_what_there_is(runs, tmp_path):
    run = copied(runs / "digits", tmp_path / "old")
    for name in ("diagnostics.json", "report.html"):
        (run / name).unlink()
    settings = json.loads((run / "settings.json").read_text())
    for key in ("machine", "profile", "name"):
        del settings[key]
    for key in ("ended", "seconds"):
        del settings["result"][key]
    (run / "settings.json").write_text(json.dumps(settings))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept = ("epoch", "train_loss", "validation_loss", "validation_score", "lr", "samples", "seconds")
    (run / "metrics.jsonl").write_text("".join(json.dumps({k: m[k] for k in kept}) + "\n" for m in lines))
    write_report(run)
    page = page_of(run)
    assert page.problems == []
    assert "can't be shown" not in page.source
    assert "This run has left no evaluation" in page.texts["test"]
    assert "has measured no gradients" in page.texts["gradients"]
    assert "Loss" in page.texts["curves"]


def test_damaged_lines_are_named_and_left_out(runs, tmp_path):
    run = copied(runs / "digits", tmp_path / "r")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    lines[2:4] = ['{"epoch": 3, "train_lo', "[1, 2]"]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    data = load_run_data(run)
    assert data.problems == ["metrics.jsonl: lines 3, 4 are damaged and left out."]
    assert data.column("epoch").tolist() == [1, 2, 5, 6, 7, 8]
    write_report(run)
    assert "lines 3, 4 are damaged" in page_of(run).texts["summary"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"snapshots": 3, "test": []}', '{"snapshots": [{}]}', "[" * 9999]
)
def test_damaged_diagnostics_leave_the_rest(runs, tmp_path, text):
    run = copied(runs / "digits", tmp_path / "r")
    (run / "diagnostics.json").write_text(text)
    write_report(run)
    page = page_of(run)
    assert page.problems == []
    assert "Loss" in page.texts["curves"]


@pytest.mark.parametrize("value", [None, "x", [], {}, -1, 1e400, True, [[1]], {"a": {"b": 1}}, [10**9, 10**9], [-1, 2]])
@pytest.mark.parametrize(
    "key", ["layers", "options", "target", "rows", "result", "profile", "machine", "preprocessing"]
)
def test_settings_of_the_wrong_kind_do_not_break_the_page(runs, tmp_path, key, value):
    run = load_run_data(runs / "flowers")
    page = Page(report_page(RunData("r", {**run.settings, key: value}, run.metrics, run.snapshots, run.test)))
    assert page.problems == []
    assert "Machine and versions" in page.source


def test_a_run_that_was_killed_says_so(runs, tmp_path):
    run = copied(runs / "digits", tmp_path / "r", result=None)
    (run / "diagnostics.json").unlink()
    write_report(run)
    assert "was cut off" in page_of(run).texts["summary"]


def test_a_run_without_any_epoch_gives_a_page(runs, tmp_path):
    run = copied(runs / "digits", tmp_path / "r", result=None)
    (run / "metrics.jsonl").write_text("")
    write_report(run)
    assert "No epoch" in page_of(run).texts["curves"]


def test_very_long_runs_stay_small(runs):
    run = load_run_data(runs / "digits")
    epochs = [{**run.metrics[0], "epoch": i, "train_loss": 1 + np.sin(i)} for i in range(1, 20_001)]
    page = report_page(RunData("long", run.settings, epochs, run.snapshots * 3, run.test))
    assert len(page.encode()) < LARGEST


def test_many_layers_and_many_classes_stay_readable(runs):
    layers = [5] * 30
    names = [f"{2 * i}.{part}" for i in range(29) for part in ("weight", "bias")]
    metrics = [
        {"epoch": e, "train_loss": 1.0, "validation_loss": 1.0, "lr": 0.1, "seconds": 1.0, "samples_per_second": 1.0,
         **{f"{kind}_norms": dict.fromkeys(names, 0.5 + e) for kind in ("gradient", "weight", "update")}}
        for e in range(1, 40)
    ]  # fmt: skip
    test = {"task": "classification", "rows": 500, "wrong": 400, "classes": [f"class {i}" for i in range(500)],
            "confusion": [[i, (i + 1) % 500, i + 1] for i in range(500)], "worst": []}  # fmt: skip
    settings = {**load_run_data(runs / "digits").settings, "layers": layers}
    histogram = {"low": -1.0, "high": 1.0, "counts": list(range(40)), "mean": 0.0, "std": 1.0, "zeros": 0.1}
    modules = [str(i) for i in range(57)]
    snapshots = [
        {"epoch": e, "weights": dict.fromkeys(names, histogram), "activations": dict.fromkeys(modules, histogram),
         "dead": dict.fromkeys(modules, 0.0)}
        for e in range(1, 40)
    ]  # fmt: skip
    page = Page(report_page(RunData("deep", settings, metrics, snapshots, test)))
    assert page.problems == []
    assert "24 of 58, at even distances." in page.texts["weights"]
    assert "can't be shown" not in page.source
    assert "layer 29" in page.texts["gradients"]
    assert "The commonest confusions among 500 classes" in page.texts["test"]
    assert len(page.source.encode()) < LARGEST


# -- the command ------------------------------------------------------------------------------------------


def test_the_command_rebuilds_the_report_without_the_data(runs, tmp_path, thalweg):
    run = copied(runs / "flowers", tmp_path / "r")
    (run / "report.html").unlink()
    assert thalweg("report", run).stdout == f"written to {run / 'report.html'}\n"
    for key in ("test", "curves", "histograms", "timing", "machine"):
        assert page_of(run).texts[key] == page_of(runs / "flowers").texts[key]
    thalweg("report", run, "--out", "elsewhere.html")
    assert (thalweg.folder / "elsewhere.html").read_text() == (run / "report.html").read_text()


def test_runs_are_compared_side_by_side(runs, thalweg, tmp_path):
    other = copied(runs / "digits", tmp_path / "wider")
    settings = json.loads((other / "settings.json").read_text())
    settings["options"]["lr"] = 0.1
    settings["layers"] = [64, 99, 10]
    settings["result"]["test"]["accuracy"] = 0.5
    (other / "settings.json").write_text(json.dumps(settings))
    assert thalweg("report", runs / "digits", other).stdout == "written to compare.html\n"
    page = page_of(thalweg.folder, "compare.html")
    assert page.problems == []
    assert page.outside == []
    assert all(word in page.texts["results"] for word in ("digits", "wider", "50.0 %", "(best)"))
    assert all(word in page.texts["differences"] for word in ("lr", "0.05", "0.1", "64-99-10", "layers"))
    assert "momentum" not in page.texts["differences"]
    assert all(word in page.texts["curves"] for word in ("Validation loss", "digits", "wider"))
    assert page.source.count("50.0 % (best)") == 0


def test_runs_that_predict_different_things_have_no_best(runs, thalweg):
    thalweg("report", runs / "digits", runs / "linear", "--out", "c.html")
    page = page_of(thalweg.folder, "c.html")
    assert "can't be compared" in page.texts["results"]
    assert "(best)" not in page.source


def test_a_damaged_run_does_not_break_a_comparison(runs, thalweg, tmp_path):
    other = copied(runs / "digits", tmp_path / "r", result=3, rows=[], options="x", preprocessing=None, layers=7)
    (other / "metrics.jsonl").write_text('{"epoch": 1}\nx\n')
    thalweg("report", runs / "digits", other)
    page = page_of(thalweg.folder, "compare.html")
    assert page.problems == []
    assert "line 2 is damaged" in page.texts["results"]
    assert "can't be shown: files are damaged" in page.texts["differences"]


def test_runs_of_the_same_name_are_called_by_their_paths(runs, thalweg, tmp_path):
    (tmp_path / "x").mkdir()
    other = copied(runs / "digits", tmp_path / "x" / "digits")
    thalweg("report", runs / "digits", other)
    page = page_of(thalweg.folder, "compare.html")
    assert str(other) in page.texts["results"]
    assert "All settings are the same." in page.texts["differences"]


def test_open_shows_the_page(runs, thalweg, monkeypatch):
    shown = []
    monkeypatch.setattr(webbrowser, "open", lambda url: shown.append(url) or True)
    thalweg("report", runs / "linear", "--open", "--out", "p.html")
    assert shown == [(thalweg.folder / "p.html").as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    result = thalweg("report", runs / "linear", "--open", "--out", "p.html", code=2)
    assert result.stderr == "thalweg: no browser could be started; open p.html in one\n"


def test_what_is_no_run_is_refused(runs, thalweg):
    assert thalweg.refused("report", "none") == "there is no run folder none; thalweg train makes one"
    (thalweg.folder / "empty").mkdir()
    assert thalweg.refused("report", "empty") == "empty is not a run folder: it has no settings.json"
    (thalweg.folder / "empty" / "settings.json").write_text('{"format": 7}')
    assert "format 7" in thalweg.refused("report", "empty")
    twice = thalweg.refused("report", runs / "digits", runs / "digits")
    assert twice.endswith("is named twice; a run is compared with others only")
    assert "No such file or directory" in thalweg.refused("report", runs / "digits", "--out", "no/r.html", code=1)
    assert "Missing argument" in thalweg.refused("report")


# -- a report that fails ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ZeroDivisionError("oh"), RunError("no")])
def test_a_report_that_fails_never_loses_the_run(thalweg, monkeypatch, error):
    from thalweg.train.report import writing

    def failing(run):
        raise error

    monkeypatch.setattr(writing, "report_page", failing)
    thalweg.table("t.csv", **thalweg.linear_columns(30))
    result = thalweg("train", "t.csv", "--target", "y", "--epochs", 2, "--out", "run", code=1)
    (line,) = result.stderr.splitlines()
    assert line.startswith("thalweg: report.html could not be written: ")
    assert line.endswith("the run is complete, and thalweg report run tries again")
    assert "saved in run: the weights of epoch" in result.stdout
    names = sorted(path.name for path in (thalweg.folder / "run").iterdir())
    assert names == ["diagnostics.json", "loss.svg", "metrics.jsonl", "model.safetensors", "settings.json"]
    monkeypatch.undo()
    monkeypatch.chdir(thalweg.folder)
    thalweg("report", "run")
    thalweg("predict", "run", "t.csv")


def test_files_never_hold_numbers_that_json_has_not(thalweg):
    thalweg.table("t.csv", **thalweg.linear_columns(40))
    thalweg("train", "t.csv", "--target", "y", "--epochs", 2, "--out", "run")

    def refuse(word):
        raise AssertionError(word)

    for path in (thalweg.folder / "run").glob("*.json*"):
        for line in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
            json.loads(line, parse_constant=refuse)


def test_settings_hold_no_absolute_path(thalweg):
    thalweg.table("t.csv", **thalweg.linear_columns(20))
    thalweg("train", thalweg.folder / "t.csv", "--target", "y", "--epochs", 1, "--out", thalweg.folder / "run")
    for path in (thalweg.folder / "run").iterdir():
        assert str(thalweg.folder).encode() not in path.read_bytes(), path.name
