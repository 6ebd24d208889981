"""The command line: parses, calls the API, prints. Results go to stdout, all else to stderr.

Exit codes: 0 clean; 1 findings; 2 could not run or not fully audited (outranks 1); 3 nothing
audited or recorded.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kerasaudit.errors import KerasAuditError, TargetError, one_line
from kerasaudit.version import __version__

if TYPE_CHECKING:
    from kerasaudit.config import Limits
    from kerasaudit.gradients.run import Run
    from kerasaudit.gradients.summary import RunSummary
    from kerasaudit.reconciliation.audited import Audited
    from kerasaudit.reconciliation.budget import Budget
    from kerasaudit.reconciliation.differences import Diff
    from kerasaudit.reconciliation.lock.folder import LockChange
    from kerasaudit.reconciliation.prose.document import Document
    from kerasaudit.reconciliation.result import Audit, Failure
    from kerasaudit.settings import Settings

__all__ = ["main"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

CLEAN, FINDINGS, INCOMPLETE, NOTHING = 0, 1, 2, 3
_FORMATS = ("terminal", "json", "csv", "markdown", "html")
_OF_PIPELINES = ("github", "junit", "sarif")


# What several commands take.
def _format_option_of(formats: Sequence[str]) -> Callable[[_Command], _Command]:
    return click.option(
        "--format",
        "format_",
        type=click.Choice(formats),
        default="terminal",
        show_default=True,
        help="What to print.",
    )


_format_option = _format_option_of(_FORMATS)
_save_option = click.option(
    "--save",
    "paths",
    multiple=True,
    metavar="PATH",
    help="Also write a report: the suffix names its format (.html .csv .json .md, most .parquet, "
    "of an audit .sarif, .xml: JUnit); a folder (PATH/) takes one for each model and an index. "
    "Repeatable.",
)
_kwargs_option = click.option(
    "--kwargs", "arguments", metavar="JSON", help="Keyword arguments for a builder."
)
_input_shape_option = click.option(
    "--input-shape",
    metavar="SHAPE",
    help="Derive with this input shape, the batch axis first: 'None,224,224,3' or JSON.",
)
_exempt_option = click.option(
    "--exempt",
    "exemptions",
    multiple=True,
    metavar="LAYER=REASON",
    help="Waive a layer (a path or a pattern), with the reason. Repeatable.",
)
_limit_option = click.option(
    "--limit",
    "limits",
    multiple=True,
    envvar="KERASAUDIT_LIMIT",
    metavar="NAME=N",
    help="Read less or more of a file than by default (config_bytes, seconds, …). Repeatable.",
)
_config_option = click.option(
    "--config",
    metavar="FILE",
    envvar="KERASAUDIT_CONFIG",
    help="The settings: a pyproject.toml or kerasaudit.toml. [default: the nearest one here or "
    "above]",
)
_locks_option = click.option(
    "--locks",
    "folder",
    metavar="FOLDER",
    envvar="KERASAUDIT_LOCKS",
    help="Where the locks are. [default: locks in the settings, or audits]",
)
_debug_option = click.option("--debug", is_flag=True, help="Show the traceback of an error.")


_BUDGETS = ("params", "macs", "bytes", "activation_bytes", "peak_activation_bytes")


def _budget_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for the most that a model, or a layer of it, may take of each quantity."""
    for quantity in reversed(_BUDGETS):
        example = "20MiB" if quantity.endswith("bytes") else "5M"
        option = click.option(
            f"--max-{quantity.replace('_', '-')}",
            multiple=True,
            metavar="[LAYER=]N",
            envvar=f"KERASAUDIT_MAX_{quantity.upper()}",
            help=f"Fail above this many ({example}); LAYER: a path or pattern. Repeatable.",
        )
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kerasaudit")
def command() -> None:
    """Prove the parameter counts of Keras models, and what training does to each kernel."""


@command.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@_format_option_of((*_FORMATS, *_OF_PIPELINES))
@_save_option
@_kwargs_option
@_input_shape_option
@_exempt_option
@_budget_options
@click.option(
    "--severity",
    "severities",
    multiple=True,
    envvar="KERASAUDIT_SEVERITY",
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
@_locks_option
@_limit_option
@click.option(
    "--layers/--no-layers",
    default=None,
    help="Print every layer's working, or only a line for each model. [default: by their number]",
)
@_config_option
@click.option(
    "--allow-nothing",
    is_flag=True,
    help="Pass over a TARGET that holds no model; a .py file that does not speak of builders is "
    "not even imported.",
)
@_debug_option
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

    Without a TARGET those in the settings are audited (targets in [tool.kerasaudit]).
    """
    with _OneLineErrors(debug):
        from kerasaudit import report
        from kerasaudit.reconciliation.audit import examine_all
        from kerasaudit.reconciliation.lock.folder import orphans, update_locks
        from kerasaudit.reconciliation.policy import policy

        for path in paths:
            report.check(path)  # before the work, not after it
        settings = _settings(config)
        locks = _locks(folder, settings)
        _refuse_idle_locks(compared=locked or update)
        with _Progress() as progress:
            outcomes = examine_all(
                targets or _own_targets(settings),
                _parse_shape(input_shape),
                arguments=_parse_arguments(arguments),
                asked=policy(
                    _parse_budgets(most),
                    dict(map(_parse_exemption, exemptions)),
                    dict(map(_parse_severity, severities)),
                    locks if locked and not update else None,
                ),
                policy_of=settings.policy_of,
                against=against,
                limits=_parse_limits(limits, settings),
                started=progress.started,
                pass_over=_passed_over if allow_nothing else None,
            )
            # What only locks are written from may be large, and is not kept for nothing.
            kept = list(outcomes) if update else []
            results = _audits(kept if update else outcomes)
        unwritten = []
        if update:
            unwritten = _report_locks(update_locks(kept, locks, targets or None), err=True)
        elif locked:
            results += orphans(results, locks, targets or None)
        results += settings.left_over(results, whole=not targets)
        for path in paths:
            report.save(results, path)
        _print(results, format_, layers)
        _append_job_summary(results, format_)
        _report_failures([*results, *unwritten], debug)
        sys.exit(INCOMPLETE if unwritten else _exit_code(results))


@command.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@_locks_option
@_kwargs_option
@_input_shape_option
@_exempt_option
@_limit_option
@_config_option
@_debug_option
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
    with _OneLineErrors(debug):
        from kerasaudit.reconciliation.audit import examine_all
        from kerasaudit.reconciliation.lock.folder import update_locks
        from kerasaudit.reconciliation.policy import policy

        settings = _settings(config)
        with _Progress() as progress:
            outcomes = list(
                examine_all(
                    targets or _own_targets(settings),
                    _parse_shape(input_shape),
                    arguments=_parse_arguments(arguments),
                    asked=policy(exempt=dict(map(_parse_exemption, exemptions))),
                    policy_of=settings.policy_of,
                    limits=_parse_limits(limits, settings),
                    started=progress.started,
                )
            )
        changes = update_locks(outcomes, _locks(folder, settings), targets or None)
        failures = [*_failures(_audits(outcomes)), *_report_locks(changes, err=False)]
        _report_failures(failures, debug)
        nothing = len(failures) == len(outcomes) and all(one.nothing for one in failures)
        sys.exit(NOTHING if nothing else INCOMPLETE if failures else CLEAN)


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
@_kwargs_option
@_format_option
@_save_option
@_debug_option
def gradients(
    targets: tuple[str, ...], format_: str, paths: tuple[str, ...], debug: bool, **options: Any
) -> None:
    """Record the gradients of every kernel of a model, or report a run that was recorded.

    TARGET is one model (file.py::builder, package.module:callable, zoo:lenet5); with --data it is
    fed one batch, or with --steps trained.

    RUN is a folder that --store or a GradientRecorder wrote; it is diagnosed and reported.

    Of several, each is recorded or opened in turn, and one report is made of all.
    """
    with _OneLineErrors(debug):
        from kerasaudit import report
        from kerasaudit.gradients.summary import RunSummary

        for path in paths:
            report.check(path, RunSummary)  # before the work, not after it
        if options["store"] is not None and len(targets) > 1:
            raise TargetError(f"--store: expected one target to keep, received {len(targets)}")
        summaries = [_recorded(target, options).summary() for target in targets]
        if format_ == "terminal":
            report.formats(RunSummary)["terminal"].write(summaries, sys.stdout)
        else:
            click.echo(report.render(summaries, format_), nl=False)
        for path in paths:  # last: a training is not lost for a folder that there is not
            report.save(summaries, path)
        sys.exit(_runs_exit_code(summaries))


@command.command()
@click.argument("old")
@click.argument("new")
@_format_option
@_save_option
@_kwargs_option
@_input_shape_option
@_limit_option
@_config_option
@_debug_option
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
    Exits with 0 if nothing differs, 1 if something does, 2 if a model could not be audited in
    full.
    """
    with _OneLineErrors(debug):
        from kerasaudit import report
        from kerasaudit.reconciliation.diff import diff_outcomes
        from kerasaudit.reconciliation.differences import Diff

        for path in paths:
            report.check(path, Diff)  # before the work, not after it
        results = diff_outcomes(
            old,
            new,
            _parse_shape(input_shape),
            arguments=_parse_arguments(arguments),
            limits=_parse_limits(limits, _settings(config)),
        )
        for path in paths:
            report.save(results, path, Diff)
        if format_ == "terminal":
            report.formats(Diff)["terminal"].write(results, sys.stdout, reasons=False)
        else:
            click.echo(report.render(results, format_, Diff), nl=False)
        _report_failures(results, debug)
        sys.exit(_diff_exit_code(results))


@command.command()
@click.argument("name", metavar="NAME|TARGET")
@click.option(
    "--weight",
    metavar="PATH[I,J,…]",
    help="Explain the gradient of this element: 'conv2d/kernel[0,0,0,0]', counted from 0.",
)
@click.option("--data", metavar="FILE.npz", help="Arrays x and y. [default: the builder's example]")
@click.option("--loss", metavar="NAME", help="A loss of Keras's. [default: the builder's own]")
@click.option("--seed", type=int, help="Draw the weights anew. [default: the builder's example]")
@click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="List so many paths."
)
@_kwargs_option
@_format_option
@_save_option
@_debug_option
def explain(
    name: str,
    weight: str | None,
    format_: str,
    paths: tuple[str, ...],
    arguments: str | None,
    debug: bool,
    **options: Any,
) -> None:
    """Explain a rule, a finding, or the gradient of one weight's element.

    NAME is a rule (Conv2D) or a finding (KA101): prints its documentation.

    TARGET is a builder (file.py::builder, zoo:cnn_backpropagation): with --weight, prints the
    element's gradient as the sum of its chain-rule paths.
    """
    with _OneLineErrors(debug):
        if weight is None:
            _refuse_without_weight(name)
            _print_documentation(name)
            return
        from kerasaudit import report
        from kerasaudit.backprop.lesson import Lesson
        from kerasaudit.backprop.teaching import teach_target

        for path in paths:
            report.check(path, Lesson)  # before the work, not after it
        lesson = teach_target(name, weight, arguments=_parse_arguments(arguments), **options)
        if format_ == "terminal":
            report.formats(Lesson)["terminal"].write([lesson], sys.stdout)
        else:
            click.echo(report.render([lesson], format_), nl=False)
        for path in paths:
            report.save([lesson], path)


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
@_limit_option
@_config_option
@_debug_option
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
    with _OneLineErrors(debug):
        from kerasaudit import report
        from kerasaudit.reconciliation.prose.document import Document, check_documents

        for path in paths:
            report.check(path, Document)  # before the work, not after it
        with _Progress() as progress:
            results = check_documents(
                files,
                fix=fix,
                limits=_parse_limits(limits, _settings(config)),
                started=progress.started,
            )
        for path in paths:
            report.save(results, path, Document)
        if format_ == "terminal":
            report.formats(Document)["terminal"].write(results, sys.stdout, reasons=False)
        else:
            click.echo(report.render(results, format_, Document), nl=False)
        _report_failures(results, debug)
        sys.exit(_documents_exit_code(results))


@command.command()
def rules() -> None:
    """List the layer classes that have a rule, by family, and what each rule says first."""
    from kerasaudit.derivation.rule import registered_rules

    by_family: dict[str, list[tuple[str, str]]] = {}
    with _OneLineErrors(debug=False):
        registered = registered_rules()
    for key, rule in registered.items():
        family = rule.function.__module__.rpartition(".")[2] if rule.built_in else "yours"
        by_family.setdefault(family, []).append((key, rule.documentation.split("\n")[0]))
    column = max(len(key) for key in registered) + 2
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for family, lines in sorted(by_family.items()):
        click.echo(family)
        for key, first in sorted(lines):
            click.echo(f"  {key:<{column}}{first}"[:width].rstrip())
    functions = {rule.function for rule in registered.values()}
    click.echo(f"{len(registered)} classes, {len(functions)} rules")


def main() -> None:
    """The console script."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a pipe of another encoding
    command.main(prog_name="kerasaudit")


# -- what the commands share -------------------------------------------------------------------


class _OneLineErrors:
    """Turn an error into its one line on stderr and exit code 2."""

    def __init__(self, debug: bool) -> None:
        self.debug = debug

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or self.debug or isinstance(error, (SystemExit, click.ClickException)):
            return
        if isinstance(error, KerasAuditError):
            _say(f"error: {error}")
        elif isinstance(error, KeyboardInterrupt):
            _say("error: interrupted, nothing is reported")
        else:
            described = one_line(f"{type(error).__name__}: {error}")
            _say(f"error: kerasaudit itself failed, {described} (--debug shows where)")
        sys.exit(INCOMPLETE)


class _Progress:
    """A bar on stderr while models are audited; silent unless stderr is a terminal."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> _Progress:
        if sys.stderr.isatty():
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

    def started(self, name: str, done: int, total: int) -> None:
        if self.bar is not None:
            described = one_line(name, 60)
            self.bar.update(self.task, description=described, completed=done, total=total)


def _recorded(target: str, options: dict[str, Any]) -> Run:
    """The run that a target names, recorded now or opened."""
    from kerasaudit.gradients.run import open_run
    from kerasaudit.gradients.training import is_run, read_data, record_target

    given = dict(options)
    text, data = given.pop("thresholds"), given.pop("data")
    thresholds = None if text is None else _parse_object("--thresholds", text)
    if is_run(target):
        _refuse_training_options(target, given)
        return open_run(target, thresholds)
    if data is None:
        raise TargetError(
            f"{target}: expected a recorded run (a folder with run.json), or --data FILE.npz to "
            "feed a model"
        )
    with _Progress() as progress:
        return record_target(
            target,
            read_data(data),
            arguments=_parse_arguments(given.pop("arguments")),
            thresholds=thresholds,
            progress=lambda made, steps: progress.started(f"training {target}", made, steps),
            **given,
        )


def _print_documentation(name: str) -> None:
    """What a rule or a finding says of itself."""
    import difflib

    from kerasaudit.derivation.rule import registered_rules
    from kerasaudit.reconciliation.findings import every_kind

    rules, kinds = registered_rules(), every_kind()
    if name.upper() in kinds:
        click.echo(kinds[name.upper()].documentation)
    elif name in rules:
        click.echo(f"{name}\n\n{rules[name].documentation}")
    elif "::" in name or name.startswith("zoo:") or name.endswith(".py"):
        raise TargetError(f"{name}: expected --weight PATH[I,J,…] to explain a gradient of a model")
    else:
        near = difflib.get_close_matches(name, [*rules, *kinds], n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise TargetError(f"{name}: no rule and no finding has that name{hint}")


def _refuse_without_weight(name: str) -> None:
    """An option of the explained gradient would do nothing for a rule or a finding."""
    source = click.get_current_context().get_parameter_source
    for option in ("data", "loss", "seed", "limit", "arguments", "format_", "paths"):
        if source(option) is click.core.ParameterSource.COMMANDLINE:
            shown = {"arguments": "kwargs", "format_": "format", "paths": "save"}.get(
                option, option
            )
            raise TargetError(f"--{shown}: {name} is explained without it; --weight is missing")


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


def _runs_exit_code(summaries: list[RunSummary]) -> int:
    if not any(summary.streams for summary in summaries):
        return NOTHING
    statuses = {summary.status for summary in summaries}
    if "incomplete" in statuses or not all(summary.streams for summary in summaries):
        return INCOMPLETE
    return FINDINGS if "findings" in statuses else CLEAN


def _print(results: list[Audit | Failure], format_: str, layers: bool | None) -> None:
    from kerasaudit import report

    if format_ == "terminal":
        report.formats()["terminal"].write(results, sys.stdout, layers=layers, reasons=False)
    else:
        click.echo(report.render(results, format_), nl=False)


def _passed_over(failure: Failure) -> None:
    _say(f"passed over: {failure.message}")


def _append_job_summary(results: list[Audit | Failure], format_: str) -> None:
    """In a GitHub workflow, add what was printed for it to the job's summary too."""
    from kerasaudit import report

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if format_ == "github" and summary:
        report.append(results, "github-summary", summary)


def _report_failures(results: Sequence[Audit | Diff | Document | Failure], debug: bool) -> None:
    import traceback

    for failure in _failures(results):
        if failure.code is not None:
            continue  # a finding, which the report shows
        _say(f"error: {failure.message}")
        if debug and failure.error is not None:
            traceback.print_exception(failure.error)


def _audits(outcomes: Iterable[Audited | Failure]) -> list[Audit | Failure]:
    from kerasaudit.reconciliation.result import Failure

    return [one if isinstance(one, Failure) else one.audit for one in outcomes]


def _refuse_idle_locks(*, compared: bool) -> None:
    """A folder of locks with which nothing is compared would look like a check."""
    given = click.get_current_context().get_parameter_source("folder")
    if given is click.core.ParameterSource.COMMANDLINE and not compared:
        raise TargetError("--locks: expected --locked or --update-locks beside it")


def _report_locks(changes: Sequence[LockChange | Failure], *, err: bool) -> list[Failure]:
    """Say what became of the locks, on standard output or error; what could not be written."""
    from kerasaudit.reconciliation.result import Failure
    from kerasaudit.report.locks import lines

    for line in lines([one for one in changes if not isinstance(one, Failure)]):
        click.echo(line, err=err)
    return [one for one in changes if isinstance(one, Failure)]


def _failures(results: Sequence[Audit | Diff | Document | Failure]) -> list[Failure]:
    from kerasaudit.reconciliation.result import Failure

    return [result for result in results if isinstance(result, Failure)]


def _exit_code(results: list[Audit | Failure]) -> int:
    from kerasaudit.reconciliation.result import Failure

    failures = [failure for failure in _failures(results) if failure.code is None]
    if failures and len(failures) == len(results):
        return NOTHING if all(failure.nothing for failure in failures) else INCOMPLETE
    statuses = {result.status for result in results if not isinstance(result, Failure)}
    if failures or "incomplete" in statuses:
        return INCOMPLETE
    return FINDINGS if "findings" in statuses or _failures(results) else CLEAN


def _diff_exit_code(results: Sequence[Diff | Failure]) -> int:
    from kerasaudit.reconciliation.result import Failure

    failures = _failures(results)
    if failures:
        nothing = len(failures) == 2 and all(failure.nothing for failure in failures)
        return NOTHING if nothing else INCOMPLETE
    statuses = {"equal": CLEAN, "different": FINDINGS, "incomplete": INCOMPLETE}
    return next(statuses[one.status] for one in results if not isinstance(one, Failure))


def _documents_exit_code(results: Sequence[Document | Failure]) -> int:
    from kerasaudit.reconciliation.result import Failure

    documents = [result for result in results if not isinstance(result, Failure)]
    statuses = {document.status for document in documents}
    if len(documents) < len(results) or "incomplete" in statuses:
        return INCOMPLETE
    if not any(document.claims for document in documents):
        return NOTHING
    return FINDINGS if "findings" in statuses else CLEAN


def _say(text: str) -> None:
    click.echo(f"kerasaudit: {text}", err=True)


def _parse_arguments(text: str | None) -> dict[str, Any] | None:
    return None if text is None else _parse_object("--kwargs", text)


def _parse_object(option: str, text: str) -> dict[str, Any]:
    value = _parse_json(option, text, "a JSON object such as '{\"classes\": 10}'")
    if not isinstance(value, dict):
        raise TargetError(f"{option}: expected a JSON object, received {text}")
    return value


def _parse_shape(text: str | None) -> Any:
    """A shape as "None,28,28,1", or any structure of shapes as JSON."""
    if text is None:
        return None
    plain = text.strip().strip("()")
    if plain.startswith(("[", "{")):
        return _parse_json("--input-shape", plain, "extents joined by commas, or JSON")
    extents: list[int | None] = []
    for part in filter(None, (part.strip() for part in plain.split(","))):
        if part.lower() in ("none", "null", "?"):
            extents.append(None)
        elif part.isascii() and part.isdigit():
            extents.append(int(part))
        else:
            raise TargetError(
                f"--input-shape: expected extents joined by commas, such as None,28,28,1, "
                f"received {text!r}"
            )
    return tuple(extents)


def _parse_limits(texts: tuple[str, ...], settings: Settings) -> Limits:
    """Limits as NAME=NUMBER, the others as they are in the settings."""
    from kerasaudit.config import checked_limits

    pairs = [text.partition("=") for text in texts]
    given = {name.strip(): number.strip() for name, _, number in pairs}
    return checked_limits(given, settings.limits)


def _parse_budgets(most: Mapping[str, tuple[str, ...]]) -> list[Budget]:
    """Budgets as N of the model, or LAYER=N, by the names of their options."""
    from kerasaudit.reconciliation.budget import Budget

    found = []
    for name, texts in most.items():
        option = f"--{name.replace('_', '-')}"
        for text in texts:
            layer, separator, limit = text.rpartition("=")
            if separator and not layer.strip():
                raise TargetError(f"{option}: expected LAYER=N or N, received {text!r}")
            where = layer.strip() if separator else None
            found.append(Budget(name.removeprefix("max_"), limit.strip(), where, option))
    return found


def _parse_severity(text: str) -> tuple[str, str]:
    code, _, grade = text.partition("=")
    return code.strip().upper(), grade.strip()


def _settings(config: str | None) -> Settings:
    """The settings in the file that was named, or in the nearest one."""
    from kerasaudit.settings import find_settings, read_settings

    return find_settings() if config is None else read_settings(config)


def _locks(folder: str | None, settings: Settings) -> Path:
    """The folder of the locks: the one that was named, or the project's."""
    return Path(folder) if folder else settings.locks or Path("audits")


def _own_targets(settings: Settings) -> tuple[str, ...]:
    if not settings.targets:
        raise TargetError(
            "expected a TARGET, or targets in [tool.kerasaudit] of pyproject.toml; received none"
        )
    return settings.targets


def _parse_json(option: str, text: str, expected: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise TargetError(f"{option}: expected {expected}, received {text!r}: {error}") from error


def _parse_exemption(text: str) -> tuple[str, str]:
    path, separator, reason = text.partition("=")
    if not separator or not path.strip() or not reason.strip():
        raise TargetError(f"--exempt: expected LAYER=REASON, received {text!r}")
    return path.strip(), reason.strip()
