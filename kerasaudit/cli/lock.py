"""`kerasaudit lock`."""

from __future__ import annotations

import sys

import click

from kerasaudit.cli.console import (
    OneLineErrors,
    Progress,
    audits_of,
    report_failures,
    report_locks,
)
from kerasaudit.cli.exit_codes import CLEAN, INCOMPLETE, NOTHING, failures_in
from kerasaudit.cli.group import command
from kerasaudit.cli.options import (
    config_option,
    debug_option,
    exempt_option,
    input_shape_option,
    kwargs_option,
    limit_option,
    locks_option,
)
from kerasaudit.cli.parsing import (
    locks_folder,
    own_targets,
    parse_arguments,
    parse_exemption,
    parse_limits,
    parse_shape,
    settings_of,
)

__all__ = ["lock"]


@command.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@locks_option
@kwargs_option
@input_shape_option
@exempt_option
@limit_option
@config_option
@debug_option
def lock(
    targets: tuple[str, ...],
    folder: str | None,
    arguments: str | None,
    input_shape: str | None,
    exemptions: tuple[str, ...],
    limits: tuple[str, ...],
    config: str | None,
    debug: bool,
) -> None:
    r"""Write the locks of the models that TARGET names: what `audit --locked` holds them against.

    A lock is a small JSON file of a model's architecture, weights and tallies, to be committed
    and reviewed with the code. TARGET is as for `kerasaudit audit`. One that is not audited in
    full is not locked; the lock of a model that is gone is removed. Exits with 0 if all are
    locked, 2 if one could not be, 3 if there are none.
    """
    with OneLineErrors(debug):
        from kerasaudit.reconciliation.audit import examine_all
        from kerasaudit.reconciliation.lock.folder import update_locks
        from kerasaudit.reconciliation.policy import policy

        settings = settings_of(config)
        with Progress() as progress:
            outcomes = list(
                examine_all(
                    targets or own_targets(settings),
                    parse_shape(input_shape),
                    arguments=parse_arguments(arguments),
                    asked=policy(exempt=dict(map(parse_exemption, exemptions))),
                    policy_of=settings.policy_of,
                    limits=parse_limits(limits, settings),
                    started=progress.started,
                )
            )
        changes = update_locks(outcomes, locks_folder(folder, settings), targets or None)
        failures = [*failures_in(audits_of(outcomes)), *report_locks(changes, err=False)]
        report_failures(failures, debug)
        nothing = len(failures) == len(outcomes) and all(one.nothing for one in failures)
        sys.exit(NOTHING if nothing else INCOMPLETE if failures else CLEAN)
