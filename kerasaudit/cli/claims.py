"""`kerasaudit claims`."""

from __future__ import annotations

import sys

import click

from kerasaudit.cli.console import OneLineErrors, Progress, print_report, report_failures
from kerasaudit.cli.exit_codes import of_documents
from kerasaudit.cli.group import command
from kerasaudit.cli.options import config_option, debug_option, limit_option
from kerasaudit.cli.parsing import parse_limits, settings_of

__all__ = ["claims"]


@command.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--fix", is_flag=True, help="Write the right figures in place of the wrong ones.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("terminal", "json", "csv", "markdown")),
    default="terminal",
    show_default=True,
    help="What to print.",
)
@click.option(
    "--save",
    "paths",
    multiple=True,
    metavar="PATH",
    help="Also write a report: the suffix names its format (.csv .json .md). Repeatable.",
)
@limit_option
@config_option
@debug_option
def claims(
    files: tuple[str, ...],
    fix: bool,
    format_: str,
    paths: tuple[str, ...],
    limits: tuple[str, ...],
    config: str | None,
    debug: bool,
) -> None:
    """Judge the figures in Markdown files that are marked with what they are of.

    A mark is a comment before the figure. The figure must be the one derived and the one that the
    model or file holds; models are built as `kerasaudit audit` builds them, so judge no documents
    whose targets you would not run.

    \b
      LeNet-5 has <!-- kerasaudit: zoo:lenet5 params -->61,706 parameters.

    \b
    <!-- kerasaudit: TARGET QUANTITY -->         of the model
    <!-- kerasaudit: TARGET LAYER QUANTITY -->   of the layer with that path
    TARGET    one model, as `kerasaudit audit` takes it
    QUANTITY  params, trainable_params, non_trainable_params, macs, flops,
              backward_macs, bytes, activations, activation_bytes,
              peak_activation_bytes, layers, output_shape, feature_maps,
              receptive_field; "layers" counts input layers, too
    figure    61,706   61706   61.7k   0.42M   25.6 million   4.1 GMACs   20 MiB
              26 × 26 × 32   (26, 26, 32)   **61,706**   `61,706`
              One with a suffix stands for all that rounds to it.
    A word with spaces in it stands in double quotes.

    Above a table, a mark binds its columns, and {Header} is the cell of the row:

    \b
      <!-- kerasaudit: table target=zoo:{Model} params=Parameters macs=MACs -->
      | Model  | Parameters | MACs |
      |--------|-----------:|-----:|
      | lenet5 |     61,706 | 417k |

    \b
    An empty cell, or a dash, states no figure. layer={Layer} asks for layers,
    and where the cell is "total", for the model.
    Marks inside code are examples, and are not judged. After a mark that begins
    a line, Markdown takes the rest of the line for HTML.

    --fix changes the figures alone and keeps the form of each; one that cannot be judged stays as
    it is. Exits with 0 if all figures are right (or were put right), 1 if one is wrong, 2 if one
    could not be judged, 3 if there is no mark in any file.
    """
    with OneLineErrors(debug):
        from kerasaudit import report
        from kerasaudit.reconciliation.prose.document import Document, check_documents

        for path in paths:
            report.check(path, Document)  # before the work, not after it
        with Progress() as progress:
            results = check_documents(
                files,
                fix=fix,
                limits=parse_limits(limits, settings_of(config)),
                started=progress.started,
            )
        print_report(results, format_, Document, reasons=False)
        report_failures(results, debug)
        for path in paths:  # last: what was found is not lost for a folder that there is not
            report.save(results, path, Document)
        sys.exit(of_documents(results))
