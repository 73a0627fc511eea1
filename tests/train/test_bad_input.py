"""Whatever is wrong with the input: one clear line on standard error, exit code 2, and nothing left behind."""

import numpy as np
import pytest

# -- the table --------------------------------------------------------------------------------------------


def test_no_such_file(thalweg):
    thalweg.table("houses.csv", **thalweg.linear_columns(12))
    assert thalweg.refused("train", "house.csv", "--target", "y") == (
        "there is no file house.csv; did you mean houses.csv?"
    )
    assert thalweg.refused("train", "digit") == "there is no file digit; did you mean digits?"


def test_no_such_column(thalweg):
    thalweg.table("t.csv", height=range(12), weight=range(12))
    line = thalweg.refused("train", "t.csv", "--target", "wieght")
    assert line == "t.csv: there is no column 'wieght'; did you mean 'weight'? The columns are: height, weight"


def test_a_table_without_a_target(thalweg):
    thalweg.table("t.csv", height=range(12), weight=range(12))
    assert thalweg.refused("train", "t.csv") == ("say which column to predict with --target; t.csv has height, weight")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "t.csv: the file is empty"),
        ("a,b\n", "t.csv: it has column names (a, b) and no rows"),
        ("a,b\n1,2\n3\n", "t.csv, line 3: 1 cells where the header has 2"),
        ("a,a\n1,2\n", "t.csv: columns 1 and 2 are both called 'a'"),
    ],
)
def test_a_file_that_is_no_table(thalweg, text, line):
    thalweg.write("t.csv", text)
    assert thalweg.refused("train", "t.csv", "--target", "b").startswith(line)


def test_a_folder_is_no_table(thalweg):
    (thalweg.folder / "t.csv").mkdir()
    assert thalweg.refused("train", "t.csv", "--target", "b") == "t.csv can't be read: Is a directory"


def test_a_text_target_with_5000_classes(thalweg):
    names = [f"name {i % 5000}" for i in range(6000)]
    thalweg.table("t.csv", x=range(6000), name=names)
    assert thalweg.refused("train", "t.csv", "--target", "name") == (
        "t.csv: the target column 'name' has 5,000 different values, more than the 1,000 classes that can be told "
        "apart; choose another --target"
    )


def test_a_text_target_with_a_class_for_each_row(thalweg):
    thalweg.table("t.csv", x=range(20), name=[f"n{i}" for i in range(20)])
    assert "'name' has a value of its own in every row" in thalweg.refused("train", "t.csv", "--target", "name")


@pytest.mark.parametrize("word", ["inf", "-Infinity", "1e999"])
@pytest.mark.parametrize("column", ["a", "y"])
def test_an_infinite_number_in_a_column_or_the_target(thalweg, word, column):
    columns = {name: list(cells) for name, cells in thalweg.linear_columns(20).items()}
    columns[column][6] = word
    thalweg.table("t.csv", **columns)
    line = thalweg.refused("train", "t.csv", "--target", "y")
    assert line.startswith(f"t.csv: column '{column}' holds an infinite number in data row 7")


@pytest.mark.parametrize("value", ["yes", "1", "2.5"])
def test_one_value_only(thalweg, value):
    thalweg.table("t.csv", x=range(20), y=[value] * 20)
    assert thalweg.refused("train", "t.csv", "--target", "y") == (
        f"t.csv: the target column 'y' is '{value}' in every row: there is nothing to learn"
    )


def test_too_few_rows(thalweg):
    thalweg.table("t.csv", x=range(9), y=range(9))
    assert thalweg.refused("train", "t.csv", "--target", "y") == (
        "t.csv: 9 rows are too few to train, validate and test on: at least 10 are needed"
    )


def test_too_few_rows_with_a_target(thalweg):
    thalweg.table("t.csv", x=range(20), y=[*range(5), *[""] * 15])
    line = thalweg.refused("train", "t.csv", "--target", "y")
    assert line.startswith("t.csv: 5 rows are too few")
    assert line.endswith("in 15 of 20 rows the target 'y' is missing")


def test_the_target_is_the_only_column(thalweg):
    thalweg.table("t.csv", y=range(20))
    assert thalweg.refused("train", "t.csv", "--target", "y").startswith("t.csv: the target 'y' is the only column")


def test_no_column_says_anything(thalweg):
    thalweg.table("t.csv", c=[1] * 20, ident=[f"n{i}" for i in range(20)], y=np.arange(20) % 2)
    assert thalweg.refused("train", "t.csv", "--target", "y") == (
        "t.csv: no column is left to learn from; column 'c' left out: it is 1 in every training row; "
        "column 'ident' left out: 20 different texts in 20 rows look like an identifier"
    )


def test_text_for_a_regression(thalweg):
    thalweg.table("t.csv", **thalweg.flower_columns(20))
    assert thalweg.refused("train", "t.csv", "--target", "kind", "--task", "regression") == (
        "t.csv: the target column 'kind' holds text such as 'daisy'; a regression needs numbers"
    )


# -- the options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--batch-size", "0"], "--batch-size must be at least 1, or full, not 0"),
        (["--batch-size", "-3"], "--batch-size must be at least 1, or full, not -3"),
        (["--batch-size", "half"], "--batch-size must be a whole number, or full, not 'half'"),
        (["--epochs", "0"], "--epochs must be at least 1, not 0"),
        (["--lr", "0"], "--lr must be a finite number above 0, not 0"),
        (["--lr", "nan"], "--lr must be a finite number above 0, not nan"),
        (["--layers", "60;40"], "--layers must be sizes separated by commas, such as 60,40, or none, not '60;40'"),
        (["--layers", "60,0"], "--layers must be sizes of at least 1, not 60,0"),
        (["--seed", "-1"], "--seed must be between 0 and 2**64 - 1, not -1"),
        (["--momentum", "1"], "--momentum must be below 1, not 1: steps would grow without end"),
        (["--momentum", "-0.1"], "--momentum must be a finite number of at least 0, not -0.1"),
        (["--clip-norm", "-1"], "--clip-norm must be a finite number of at least 0, not -1"),
        (["--weight-decay", "inf"], "--weight-decay must be a finite number of at least 0, not inf"),
        (["--optimizer", "adam", "--momentum", "0.9"], "the optimiser adam has no --momentum; leave it out"),
        (["--target", "y"], "--target and --task belong to a table; the digits have their own"),
    ],
)
def test_an_option_out_of_range(thalweg, options, line):
    assert thalweg.refused("train", "digits", *options) == line


def test_an_unknown_optimiser(thalweg):
    line = thalweg.refused("train", "digits", "--optimizer", "adan")
    assert line.startswith("there is no optimiser 'adan'; did you mean adam? choose one of sgd, adam, adamw")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "many"], ["--epochs", "many"]),
        (["--epoch", "3"], ["--epoch", "--epochs"]),
        (["more"], ["more"]),
        (["--task", "guess"], ["--task", "guess"]),
    ],
)
def test_what_the_command_line_does_not_know(thalweg, options, words):
    line = thalweg.refused("train", "digits", *options)
    assert all(word in line for word in words)


def test_no_data_and_no_such_command(thalweg):
    assert "DATA" in thalweg.refused("train")
    assert "tran" in thalweg.refused("tran", "digits")


# -- the run's folder -------------------------------------------------------------------------------------


def test_an_existing_out_is_never_overwritten(thalweg):
    (thalweg.folder / "mine").mkdir()
    assert thalweg.refused("train", "digits", "--out", "mine") == (
        "mine exists already, and a run never overwrites anything; choose another --out"
    )


def test_an_out_that_can_not_be_made(thalweg):
    thalweg.write("file", "")
    assert thalweg.refused("train", "digits", "--out", "file/run") == (
        "the run's folder file/run can't be made: Not a directory; choose another --out"
    )


# -- predicting -------------------------------------------------------------------------------------------


@pytest.fixture
def run(thalweg):
    thalweg.table("t.csv", **thalweg.flower_columns(60))
    thalweg("train", "t.csv", "--target", "kind", "--epochs", 2, "--out", "run")
    return "run"


def test_predicting_with_what_is_no_run(thalweg):
    thalweg.table("t.csv", **thalweg.flower_columns(3))
    assert thalweg.refused("predict", "none", "t.csv") == "there is no run folder none; thalweg train makes one"
    (thalweg.folder / "empty").mkdir()
    assert thalweg.refused("predict", "empty", "t.csv") == "empty is not a run folder: it has no settings.json"


def test_a_table_that_does_not_fit_the_run(thalweg, run):
    thalweg.write("lacks.csv", "colour,sise\nred,1\n")
    assert thalweg.refused("predict", run, "lacks.csv", "--out", "p.csv") == (
        "lacks.csv: there is no column 'size'; did you mean 'sise'? The columns are: colour, sise"
    )
    thalweg.write("text.csv", "colour,size\nred,1\nred,big\n")
    assert thalweg.refused("predict", run, "text.csv", "--out", "p.csv") == (
        "text.csv: column 'size' must hold numbers, as in training, but data row 2 has 'big'"
    )
    thalweg.write("infinite.csv", "colour,size\nred,inf\n")
    assert "column 'size' holds an infinite number in data row 1" in thalweg.refused("predict", run, "infinite.csv")
    assert thalweg.refused("predict", run, "zz.dat") == "there is no file zz.dat"
    thalweg.write("void.csv", "")
    assert thalweg.refused("predict", run, "void.csv").startswith("void.csv: the file is empty")


def test_predictions_that_can_not_be_written(thalweg, run):
    assert thalweg.refused("predict", run, "t.csv", "--out", "no/such/p.csv") == (
        "the predictions can't be written to no/such/p.csv: No such file or directory; choose another --out"
    )
    assert thalweg.refused("predict", run, "t.csv", "--out", "t.csv") == (
        "t.csv is the table itself; choose another --out"
    )


def test_a_run_whose_files_do_not_fit_together(thalweg, run):
    thalweg.table("other.csv", **thalweg.linear_columns(20))
    thalweg("train", "other.csv", "--target", "y", "--epochs", 1, "--out", "other")
    (thalweg.folder / "other" / "model.safetensors").replace(thalweg.folder / run / "model.safetensors")
    assert thalweg.refused("predict", run, "t.csv").startswith("run: the weights do not fit the settings")
    (thalweg.folder / run / "settings.json").write_text('{"format": 1, "layers": 3}')
    assert thalweg.refused("predict", run, "t.csv").startswith("run: the settings are damaged")
