"""`kerasaudit audit`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from kerasaudit.cli.console import (
    OneLineErrors,
    Progress,
    audits_of,
    print_report,
    report_failures,
    report_locks,
    say,
)
from kerasaudit.cli.exit_codes import INCOMPLETE, of_audits
from kerasaudit.cli.group import command
from kerasaudit.cli.options import (
    FORMATS,
    budget_options,
    config_option,
    debug_option,
    exempt_option,
    format_option_of,
    input_shape_option,
    kwargs_option,
    limit_option,
    locks_option,
    save_option,
)
from kerasaudit.cli.parsing import (
    locks_folder,
    own_targets,
    parse_arguments,
    parse_budgets,
    parse_exemption,
    parse_limits,
    parse_severities,
    parse_shape,
    settings_of,
)
from kerasaudit.errors import TargetError

if TYPE_CHECKING:
    from kerasaudit.reconciliation.result import Audit, Failure

__all__ = ["audit"]

_OF_PIPELINES = ("github", "junit", "sarif")


@command.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@format_option_of((*FORMATS, *_OF_PIPELINES))
@save_option
@kwargs_option
@input_shape_option
@exempt_option
@budget_options
@click.option(
    "--severity",
    "severities",
    multiple=True,
    envvar="KERASAUDIT_SEVERITY",
    show_envvar=True,
    metavar="CODE=GRADE",
    help="Show findings of that code and do not fail for them (KA112=warning). Repeatable.",
)
@click.option(
    "--against",
    metavar="TARGET",
    help="Hold a file's weights against the architecture of another target.",
)
@click.option(
    "--locked", is_flag=True, help="Fail where a model is not what its lock says, or has none."
)
@click.option(
    "--update-locks",
    "update",
    is_flag=True,
    help="Write the locks of these models anew, and remove those of models that are gone.",
)
@locks_option
@limit_option
@click.option(
    "--layers/--no-layers",
    default=None,
    help="Print every layer's working, or only a line for each model. [default: by their number]",
)
@config_option
@click.option(
    "--allow-nothing",
    is_flag=True,
    help="Pass over a TARGET that holds no model; a .py file that does not speak of builders is "
    "not even imported.",
)
@debug_option
def audit(
    targets: tuple[str, ...],
    format_: str,
    paths: tuple[str, ...],
    arguments: str | None,
    input_shape: str | None,
    exemptions: tuple[str, ...],
    severities: tuple[str, ...],
    against: str | None,
    locked: bool,
    update: bool,
    folder: str | None,
    limits: tuple[str, ...],
    layers: bool | None,
    config: str | None,
    allow_nothing: bool,
    debug: bool,
    **most: tuple[str, ...],
) -> None:
    """Derive every count of the models that TARGET names, and reconcile it with what is there.

    \b
    TARGET is one of
      a folder                  its builders and model files
      file.py                   the builders in it (@kerasaudit.builder)
      file.py::builder          one function that returns a Keras model
      package.module:callable   the same, imported
      a model file              .keras (or unzipped), .h5, .weights.h5, .npz,
                                .weights.json, config .json: read where it
                                lies, needs no Keras and runs nothing of it
      its URL                   https://, s3://, gs://, hf://, …: only the
                                parts needed are fetched;
                                pip install "kerasaudit[remote]"
      a glob                    'runs/*.keras'
      zoo:  zoo:lenet5          the bundled documented models

    Without a TARGET those in the settings are audited (targets in [tool.kerasaudit]). An option
    goes before an environment variable, and that before the settings; in a variable for an option
    that is repeatable, values stand with spaces between.
    """
    with OneLineErrors(debug):
        from kerasaudit import report
        from kerasaudit.reconciliation.audit import examine_all
        from kerasaudit.reconciliation.lock.folder import orphans, update_locks
        from kerasaudit.reconciliation.policy import policy
        from kerasaudit.reconciliation.result import Audit

        for path in paths:
            report.check(path)  # before the work, not after it
        settings = settings_of(config)
        locks = locks_folder(folder, settings)
        _refuse_idle_locks(compared=locked or update)
        with Progress() as progress:
            outcomes = examine_all(
                targets or own_targets(settings),
                parse_shape(input_shape),
                arguments=parse_arguments(arguments),
                asked=policy(
                    parse_budgets(most),
                    dict(map(parse_exemption, exemptions)),
                    parse_severities(severities),
                    locks if locked and not update else None,
                ),
                policy_of=settings.policy_of,
                against=against,
                limits=parse_limits(limits, settings),
                started=progress.started,
                pass_over=_passed_over if allow_nothing else None,
            )
            # What only locks are written from may be large, and is not kept for nothing.
            kept = list(outcomes) if update else []
            results = audits_of(kept if update else outcomes)
        unwritten = []
        if update:
            unwritten = report_locks(update_locks(kept, locks, targets or None), err=True)
        elif locked:
            results += orphans(results, locks, targets or None)
        results += settings.left_over(results, whole=not targets)
        print_report(results, format_, Audit, layers=layers, reasons=False)
        report_failures([*results, *unwritten], debug)
        _append_job_summary(results, format_)
        for path in paths:  # last: what was found is not lost for a folder that there is not
            report.save(results, path)
        sys.exit(INCOMPLETE if unwritten else of_audits(results))


def _passed_over(failure: Failure) -> None:
    say(f"passed over: {failure.message}")


def _append_job_summary(results: list[Audit | Failure], format_: str) -> None:
    """In a GitHub workflow, add what was printed for it to the job's summary too."""
    from kerasaudit import report

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if format_ == "github" and summary:
        report.append(results, "github-summary", summary)


def _refuse_idle_locks(*, compared: bool) -> None:
    """A folder of locks with which nothing is compared would look like a check."""
    given = click.get_current_context().get_parameter_source("folder")
    if given is click.core.ParameterSource.COMMANDLINE and not compared:
        raise TargetError("--locks: expected --locked or --update-locks beside it")
