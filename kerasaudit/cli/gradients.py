"""`kerasaudit gradients`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kerasaudit.cli.console import OneLineErrors, Progress, print_report
from kerasaudit.cli.exit_codes import of_runs
from kerasaudit.cli.group import command
from kerasaudit.cli.options import debug_option, format_option, kwargs_option, save_option
from kerasaudit.cli.parsing import parse_arguments, parse_object
from kerasaudit.errors import TargetError

if TYPE_CHECKING:
    from kerasaudit.gradients.run import Run

__all__ = ["gradients"]


@command.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET|RUN…")
@click.option("--data", metavar="FILE.npz", help="Arrays x and y (and sample_weight) to feed it.")
@click.option("--loss", metavar="NAME", help="A loss of Keras's. [default: the builder's own]")
@click.option("--steps", type=click.IntRange(1), help="Train so many steps. [default: one pass]")
@click.option("--optimizer", metavar="NAME", help="An optimizer of Keras's. [default: adam]")
@click.option("--learning-rate", type=float, help="[default: the optimizer's own]")
@click.option("--batch-size", type=click.IntRange(1), default=32, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True)
@click.option("--layer", "layers", multiple=True, metavar="PATTERN", help="Record only these.")
@click.option("--statistic", "statistics", multiple=True, metavar="NAME", help="Record only these.")
@click.option("--elements", multiple=True, metavar="WEIGHT", help="Keep it element by element.")
@click.option("--store", metavar="FOLDER", help="Keep the run as a Parquet data set.")
@click.option("--thresholds", metavar="JSON", help='\'{"vanishing": {"absolute": 1e-9}}\'.')
@kwargs_option
@format_option
@save_option
@debug_option
def gradients(
    targets: tuple[str, ...], format_: str, paths: tuple[str, ...], debug: bool, **options: Any
) -> None:
    """Record the gradients of every kernel of a model, or report a run that was recorded.

    TARGET is one model (file.py::builder, package.module:callable, zoo:lenet5); with --data it is
    fed one batch, or with --steps trained.

    RUN is a folder that --store or a GradientRecorder wrote; it is diagnosed and reported.

    Of several, each is recorded or opened in turn, and one report is made of all.
    """
    with OneLineErrors(debug):
        from kerasaudit import report
        from kerasaudit.gradients.summary import RunSummary

        for path in paths:
            report.check(path, RunSummary)  # before the work, not after it
        if options["store"] is not None and len(targets) > 1:
            raise TargetError(f"--store: expected one target to keep, received {len(targets)}")
        summaries = [_recorded(target, options).summary() for target in targets]
        print_report(summaries, format_, RunSummary)
        for path in paths:  # last: a training is not lost for a folder that there is not
            report.save(summaries, path)
        sys.exit(of_runs(summaries))


def _recorded(target: str, options: dict[str, Any]) -> Run:
    """The run that a target names, recorded now or opened."""
    from kerasaudit.gradients.run import open_run
    from kerasaudit.gradients.training import is_run, read_data, record_target

    given = dict(options)
    text, data = given.pop("thresholds"), given.pop("data")
    thresholds = None if text is None else parse_object("--thresholds", text)
    if is_run(target):
        _refuse_training_options(target, given)
        return open_run(target, thresholds)
    if data is None:
        raise TargetError(
            f"{target}: expected a recorded run (a folder with run.json), or --data FILE.npz to "
            "feed a model"
        )
    with Progress() as progress:
        return record_target(
            target,
            read_data(data),
            arguments=parse_arguments(given.pop("arguments")),
            thresholds=thresholds,
            progress=lambda made, steps: progress.started(f"training {target}", made, steps),
            **given,
        )


def _refuse_training_options(target: str, given: dict[str, Any]) -> None:
    """A recorded run is not trained: an option that would do nothing is refused."""
    source = click.get_current_context().get_parameter_source
    command_line = click.core.ParameterSource.COMMANDLINE
    for name in ("data", *given):
        if source(name) is command_line:
            option = "--" + {"arguments": "kwargs", "layers": "layer"}.get(name, name)
            raise TargetError(
                f"{option.replace('_', '-')}: {target} is a recorded run, which is not trained"
            )
