"""`kerasaudit explain`."""

from __future__ import annotations

from typing import Any

import click

from kerasaudit.cli.console import OneLineErrors, Progress, print_report
from kerasaudit.cli.group import command
from kerasaudit.cli.options import debug_option, format_option, kwargs_option, save_option
from kerasaudit.cli.parsing import parse_arguments
from kerasaudit.errors import TargetError

__all__ = ["explain"]


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
@kwargs_option
@format_option
@save_option
@debug_option
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
    with OneLineErrors(debug):
        if weight is None:
            _refuse_without_weight(name)
            _print_documentation(name)
            return
        from kerasaudit import report
        from kerasaudit.backprop.lesson import Lesson
        from kerasaudit.backprop.teaching import teach_target

        for path in paths:
            report.check(path, Lesson)  # before the work, not after it
        with Progress():
            lesson = teach_target(name, weight, arguments=parse_arguments(arguments), **options)
        print_report([lesson], format_, Lesson)
        for path in paths:
            report.save([lesson], path)


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
