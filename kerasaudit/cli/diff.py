"""`kerasaudit diff`."""

from __future__ import annotations

import sys

import click

from kerasaudit.cli.console import OneLineErrors, Progress, print_report, report_failures
from kerasaudit.cli.exit_codes import of_diff
from kerasaudit.cli.group import command
from kerasaudit.cli.options import (
    config_option,
    debug_option,
    format_option,
    input_shape_option,
    kwargs_option,
    limit_option,
    save_option,
)
from kerasaudit.cli.parsing import parse_arguments, parse_limits, parse_shape, settings_of

__all__ = ["diff"]


@command.command()
@click.argument("old")
@click.argument("new")
@format_option
@save_option
@kwargs_option
@input_shape_option
@limit_option
@config_option
@debug_option
def diff(
    old: str,
    new: str,
    format_: str,
    paths: tuple[str, ...],
    arguments: str | None,
    input_shape: str | None,
    limits: tuple[str, ...],
    config: str | None,
    debug: bool,
) -> None:
    """Compare two models: layers, config values, weights, connections, and every tally.

    OLD and NEW each name one model, as a TARGET of `kerasaudit audit` does; they need not be of
    the same form. Layers are matched by name, or by what they are where names only count on.
    What the settings exempt is waived. Exits with 0 if nothing differs, 1 if something does, 2 if
    a model could not be audited in full.
    """
    with OneLineErrors(debug):
        from kerasaudit import report
        from kerasaudit.reconciliation.diff import diff_outcomes
        from kerasaudit.reconciliation.differences import Diff

        for path in paths:
            report.check(path, Diff)  # before the work, not after it
        settings = settings_of(config)
        with Progress():
            results = diff_outcomes(
                old,
                new,
                parse_shape(input_shape),
                arguments=parse_arguments(arguments),
                policy_of=settings.policy_of,
                limits=parse_limits(limits, settings),
            )
        print_report(results, format_, Diff, reasons=False)
        report_failures(results, debug)
        for path in paths:  # last: what was found is not lost for a folder that there is not
            report.save(results, path, Diff)
        sys.exit(of_diff(results))
