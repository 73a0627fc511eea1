"""Run folders: claimed once, written whole, taken back when there is nothing to keep."""

import json
import threading

import pytest

import thalweg as tw
from thalweg.errors import RunError
from thalweg.train.run import RunFolder, load_run


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_runs_are_numbered(tmp_path):
    assert [str(RunFolder.create(None, "digits").path) for _ in range(3)] == [f"runs/digits-{n}" for n in (1, 2, 3)]
    assert str(RunFolder.create(None, "houses").path) == "runs/houses-1"


def test_two_that_ask_at_once_get_different_folders():
    barrier, paths = threading.Barrier(8), []

    def ask():
        barrier.wait()
        paths.append(RunFolder.create(None, "x").path.name)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(paths) == [f"x-{n}" for n in range(1, 9)]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_an_existing_name_is_refused(tmp_path, kind):
    out = tmp_path / "out"
    {"folder": out.mkdir, "file": out.touch, "link": lambda: out.symlink_to("nowhere")}[kind]()
    with pytest.raises(RunError, match="out exists already"):
        RunFolder.create(out, "x")


def test_a_folder_that_can_not_be_made_leaves_nothing(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="can't be made: Not a directory"):
        RunFolder.create(tmp_path / "file" / "deeper" / "out", "x")
    with pytest.raises(RunError, match="can't be made"):
        RunFolder.create(tmp_path / "new" / ("x" * 300), "x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_discard_takes_back_the_folders_that_were_made(tmp_path):
    (tmp_path / "old").mkdir()
    run = RunFolder.create(tmp_path / "old" / "a" / "b", "x")
    run.write_settings({})
    run.discard()
    assert list((tmp_path / "old").iterdir()) == []
    keeper, goer = RunFolder.create(None, "x"), RunFolder.create(None, "x")
    goer.discard()
    assert keeper.path.exists()
    assert not goer.path.exists()


def test_settings_and_weights_come_back(tmp_path):
    run = RunFolder.create(tmp_path / "r", "x")
    run.write_settings({"layers": [2, 1], "name": "grün"})
    run.write_model({"0.weight": tw.tensor([[1.0, 2.0]])})
    settings, state = load_run(tmp_path / "r")
    assert settings == {"format": 1, "layers": [2, 1], "name": "grün"}
    assert state["0.weight"].tolist() == [[1, 2]]


def test_metrics_are_one_line_each(tmp_path):
    run = RunFolder.create(tmp_path / "r", "x")
    run.add_metrics({"epoch": 1, "loss": 0.5})
    run.add_metrics({"epoch": 2, "loss": 0.25})
    lines = (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]


def test_what_is_no_run_is_refused_by_name(tmp_path):
    with pytest.raises(RunError, match="there is no run folder"):
        load_run(tmp_path / "none")
    (tmp_path / "r").mkdir()
    with pytest.raises(RunError, match=r"it has no settings\.json"):
        load_run(tmp_path / "r")
    for text, message in (("{", "is not JSON"), ("[]", "format None"), ('{"format": 99}', "format 99")):
        (tmp_path / "r" / "settings.json").write_text(text)
        with pytest.raises(RunError, match=message):
            load_run(tmp_path / "r")
    (tmp_path / "r" / "settings.json").write_text('{"format": 1}')
    with pytest.raises(RunError, match=r"it has no|has no model\.safetensors"):
        load_run(tmp_path / "r")
    (tmp_path / "r" / "model.safetensors").write_text("")
    with pytest.raises(RunError, match="not a safetensors file"):
        load_run(tmp_path / "r")
