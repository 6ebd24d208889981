"""What the commands say: results go to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kerasaudit.cli.exit_codes import INCOMPLETE, failures_in
from kerasaudit.errors import KerasAuditError, one_line

if TYPE_CHECKING:
    from kerasaudit.reconciliation.audited import Audited
    from kerasaudit.reconciliation.differences import Diff
    from kerasaudit.reconciliation.lock.folder import LockChange
    from kerasaudit.reconciliation.prose.document import Document
    from kerasaudit.reconciliation.result import Audit, Failure
    from kerasaudit.report import Result

__all__ = [
    "OneLineErrors",
    "Progress",
    "audits_of",
    "print_report",
    "report_failures",
    "report_locks",
    "say",
]


class OneLineErrors:
    """Turn an error into its one line on stderr and exit code 2."""

    def __init__(self, debug: bool) -> None:
        self.debug = debug

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or self.debug or isinstance(error, (SystemExit, click.ClickException)):
            return
        if isinstance(error, KerasAuditError):
            say(f"error: {error}")
        elif isinstance(error, KeyboardInterrupt):
            say("error: interrupted, nothing is reported")
        else:
            described = one_line(f"{type(error).__name__}: {error}")
            say(f"error: kerasaudit itself failed, {described} (--debug shows where)")
        sys.exit(INCOMPLETE)


class Progress:
    """A bar on stderr while models are audited; silent unless stderr is a terminal.

    Meanwhile all that models and their libraries print goes to standard error, too.
    """

    def __init__(self) -> None:
        self.bar: Any = None
        self.task: Any = None
        self.held = contextlib.ExitStack()

    def __enter__(self) -> Progress:
        self.held.enter_context(_standard_output_kept())
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self.bar = Progress(
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
                transient=True,
            )
            self.task = self.bar.add_task("", total=None)
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()
        self.held.close()

    def started(self, name: str, done: int, total: int) -> None:
        """Show what is worked on, how many are done, and of how many."""
        if self.bar is not None:
            described = one_line(name, 60)
            self.bar.update(self.task, description=described, completed=done, total=total)


@contextlib.contextmanager
def _standard_output_kept() -> Iterator[None]:
    """Lead standard output to standard error: what is printed in here is no result.

    The descriptor is led there as well, for libraries in C and for processes that are started.
    """
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as after:
        with contextlib.suppress(OSError):  # there is no standard output, or no standard error
            kept = os.dup(1)
            after.callback(os.close, kept)
            _flush()
            os.dup2(2, 1)
            after.callback(os.dup2, kept, 1)
            after.callback(_flush)
        yield


def _flush() -> None:
    if sys.__stdout__ is not None:
        sys.__stdout__.flush()


def say(text: str) -> None:
    """A line on standard error."""
    click.echo(f"kerasaudit: {text}", err=True)


def audits_of(outcomes: Iterable[Audited | Failure]) -> list[Audit | Failure]:
    """The audits, without the architectures that they are of."""
    from kerasaudit.reconciliation.result import Failure

    return [one if isinstance(one, Failure) else one.audit for one in outcomes]


def print_report(results: Sequence[Result], format_: str, family: type, **options: object) -> None:
    """Print a report on standard output; the options are those of the family's terminal format."""
    from kerasaudit import report

    if format_ == "terminal":
        report.formats(family)["terminal"].write(results, sys.stdout, **options)
    else:
        click.echo(report.render(results, format_, family), nl=False)


def report_failures(results: Sequence[Audit | Diff | Document | Failure], debug: bool) -> None:
    """A line for each result that there is not, with its traceback if that is asked for."""
    import traceback

    for failure in failures_in(results):
        if failure.code is not None:
            continue  # a finding, which the report shows
        say(f"error: {failure.message}")
        if debug and failure.error is not None:
            traceback.print_exception(failure.error)


def report_locks(changes: Sequence[LockChange | Failure], *, err: bool) -> list[Failure]:
    """Say what became of the locks, on standard output or error; what could not be written."""
    from kerasaudit.reconciliation.result import Failure
    from kerasaudit.report.locks import lines

    for line in lines([one for one in changes if not isinstance(one, Failure)]):
        click.echo(line, err=err)
    return [one for one in changes if isinstance(one, Failure)]
