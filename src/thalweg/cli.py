"""The command ``thalweg``: thin, it reads options, calls ``thalweg.train`` and turns errors into one line.

Exit codes: 0 done; 1 training or writing failed; 2 the input or an option is not usable; 128 + n stopped by
signal n (130 for Ctrl-C).
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .errors import DivergenceError, RunError, ThalwegError
from .version import __version__

if TYPE_CHECKING:
    from .train.interrupt import Interruption
    from .train.jobs import Job
    from .train.live import Live
    from .train.options import Options

__all__ = ["cli", "main"]

SIGNALLED = 128  # plus the signal's number, as shells report it
INTERRUPTED = SIGNALLED + signal.SIGINT
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class OneLineErrors(click.Group):
    """A group of commands whose errors are one line on standard error, and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; with ``standalone_mode`` exit the process as ``click`` does."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, False, **extra)
        except click.ClickException as error:
            fail(error.format_message(), error.exit_code)
        except DivergenceError as error:
            fail(str(error), 1)
        except ThalwegError as error:
            fail(str(error), 2)
        except OSError as error:
            fail(describe_os_error(error), 1)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; a Ctrl-C outside of training has nothing to save."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            fail("stopped before there was anything to save", INTERRUPTED)


def fail(message: str, code: int) -> NoReturn:
    """Print one line, whatever the message's own line breaks, and exit."""
    click.echo("thalweg: " + " ".join(message.split()), err=True)
    sys.exit(code)


def describe_os_error(error: OSError) -> str:
    """``name: reason``, as the system's own tools print it."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


@click.group(cls=OneLineErrors, invoke_without_command=True, context_settings=CONTEXT)
@click.version_option(__version__, message="thalweg %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Train neural networks by gradient descent on the CPU, and predict with them.

    \b
    thalweg train digits                          handwritten digits that come with thalweg
    thalweg train houses.csv --target price       your own table
    thalweg predict runs/houses-1 new.csv         predictions for new rows
    thalweg report runs/houses-1 runs/houses-2    two runs side by side
    thalweg draw net.py:model --input 64,1,28,28  a block diagram of your model
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command(context_settings=CONTEXT, short_help="Train a network on digits or on a table.")
@click.argument("data")
@click.option("--target", metavar="COLUMN", help="The column to predict (tables only).")
@click.option(
    "--task",
    type=click.Choice(["classification", "regression"]),
    help="What to predict, if the guess from the target column is wrong (tables only).",
)
@click.option("--layers", default="60,40", show_default=True, help="Sizes of the hidden layers, or none.")
@click.option("--epochs", type=int, default=60, show_default=True, help="Passes over the training rows.")
@click.option("--batch-size", default="16", show_default=True, help="Rows for each step: 1, a number, or full.")
@click.option("--optimizer", default="sgd", show_default=True, help="How a gradient becomes a step; named above.")
@click.option(
    "--lr",
    type=float,
    help="Learning rate at the start; it falls to 0 along half a cosine.  [default: fits the optimiser; for sgd 0.05 "
    "at batch size 16 and in proportion at others, 0.2 at most]",
)
@click.option("--momentum", type=float, help="Of sgd and rmsprop.  [default: 0.9 for sgd]")
@click.option(
    "--weight-decay",
    type=float,
    help="Pull of the weights towards 0.  [default: 0.001 for sgd, else the optimiser's own]",
)
@click.option("--clip-norm", type=float, help="Longest gradient, 0 for any.  [default: 1 for a regression, else 0]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split, the first weights and the order.")
@click.option("--eager", is_flag=True, help="Compute line by line in NumPy instead of compiling the training step.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/NAME-n, the next n]")
@click.option("--watch", is_flag=True, help="Serve the live report on this machine, at an address that is printed.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of --watch.  [default: a free one]")
def train(
    data: str, target: str | None, task: str | None, out: Path | None, watch: bool, port: int | None, **chosen: Any
) -> None:
    """Train a network on DATA: the word digits, or a table (.csv, .tsv, .npz, .parquet).

    The rows are split by the seed into rows to train on, rows for validation, which choose the best epoch, and rows
    for the test, which are only reported on. A run folder keeps the weights (model.safetensors), what was measured
    (metrics.jsonl, diagnostics.json, loss.svg), all settings (settings.json), and a page that shows it (report.html).
    Ctrl-C stops early and keeps the best weights; so does the button of the live report.

    Optimisers: sgd, adam, adamw, rmsprop, adagrad, adadelta, adamax, nadam, radam, lion.
    """
    from .train.interrupt import Interruption
    from .train.run import refuse_existing
    from .train.running import describe_outcome, run_job

    options = read_options(chosen)
    if out is not None:
        refuse_existing(out)  # before any data is read
    if port is not None and not watch:
        raise RunError("--port belongs to --watch; add that, or leave the port out")
    job = make_job(data, target, task, options)
    with Interruption(ends_process=True) as interruption:
        with watched(interruption, port) if watch else contextlib.nullcontext() as live:
            outcome = run_job(job, options, out, interruption, click.echo, live)
        for line in describe_outcome(job, outcome):
            click.echo(line)
        if outcome.unreported is not None and outcome.signal is None:
            fail(outcome.unreported, 1)
        if outcome.signal is not None:
            fail(outcome.stopped(), SIGNALLED + outcome.signal)


@contextlib.contextmanager
def watched(interruption: Interruption, port: int | None) -> Iterator[Live]:
    """A live report of what is trained within the block; its address is printed."""
    from .train.live import Live, LiveServer

    live = Live(interruption.request)
    with LiveServer(live, port) as server:
        click.echo(f"watch at {server.url}")
        yield live


def read_options(chosen: dict[str, Any]) -> Options:
    """The training options, checked before any data is read."""
    from .train.options import Options, parse_batch_size, parse_layers

    layers = parse_layers(chosen.pop("layers"))
    batch_size = parse_batch_size(chosen.pop("batch_size"))
    return Options(layers=layers, batch_size=batch_size, **chosen).check()


def make_job(data: str, target: str | None, task: str | None, options: Options) -> Job:
    """The digits, or the table of that name."""
    if data == "digits":
        from .train.digits import digits_job

        if target is not None or task is not None:
            raise RunError("--target and --task belong to a table; the digits have their own")
        return digits_job(options.seed)
    from .train.jobs import table_job
    from .train.table import open_table

    table = open_table(Path(data))
    if target is None:
        raise RunError(f"say which column to predict with --target; {data} has {', '.join(table.names[:20])}")
    return table_job(table, Path(data).stem, target, task, options.seed)


@cli.command(context_settings=CONTEXT, short_help="Write the report of a run, or compare runs.")
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN [RUN]...")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The file.  [default: report.html in RUN, compare.html of several]"
)
@click.option("--open", "show", is_flag=True, help="Show the page in the browser.")
def report(runs: tuple[Path, ...], out: Path | None, show: bool) -> None:
    """Write one page about a run anew, from what its folder holds, or about several runs side by side.

    The data that the run was trained on is not needed any more.
    """
    from .train.report import show_page, write_comparison, write_report

    page = write_report(runs[0], out) if len(runs) == 1 else write_comparison(runs, out)
    click.echo(f"written to {page}")
    if show:
        show_page(page)


@cli.command(context_settings=CONTEXT, short_help="Predict the rows of a table with a trained network.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The CSV file to write.  [default: standard output]")
def predict(run: Path, table: Path, out: Path | None) -> None:
    """Predict with the network in the folder RUN for each row of TABLE, as CSV.

    The table needs the columns that the network was trained on, under the same names and in any order; other columns
    are ignored. A class comes with the probability of each class, a number in the units of the training table.
    """
    from .train.predict import predict_table, write_predictions

    text, rows, notes = predict_table(run, table)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_predictions(out, text, table)
    for note in notes:
        click.echo(note, err=True)
    if out is not None:
        click.echo(f"{rows:,} predictions written to {out}")


@cli.command(context_settings=CONTEXT, short_help="Draw a model as a block diagram.")
@click.argument("model", metavar="FILE.py:NAME")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="SHAPE",
    help="An example input by its shape, such as 64,1,28,28, or 8,32:int64; once for each argument.",
)
@click.option("--depth", type=int, help="Open levels of containers.  [default: as many as give a readable picture]")
@click.option("--direction", type=click.Choice(["down", "right"]), default="down", show_default=True)
@click.option("--backward", is_flag=True, help="Draw the backward pass too.")
@click.option("--title", help="Stands above the picture.  [default: the name of the class or function]")
@click.option(
    "--out", type=click.Path(path_type=Path), help="A file .svg, .html (clickable) or .png.  [default: SVG to stdout]"
)
def draw(model: str, inputs: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Draw the module or function NAME in FILE.py as a block diagram. The file is run.

    Shaded circles are given, open ones computed; blocks are rounded where their output leaves; rectangles are costs.
    """
    from .viz.loading import draw_file

    picture = draw_file(model, inputs, **options)
    if out is None:
        click.echo(picture.svg(), nl=False)
    else:
        click.echo(f"{picture.title}: {len(picture.view.blocks())} blocks drawn to {picture.save(out)}")


def main() -> None:
    """The entry point of the command ``thalweg``."""
    cli(prog_name="thalweg")
