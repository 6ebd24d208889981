"""What several commands take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

__all__ = [
    "FORMATS",
    "budget_options",
    "config_option",
    "debug_option",
    "exempt_option",
    "format_option",
    "format_option_of",
    "input_shape_option",
    "kwargs_option",
    "limit_option",
    "locks_option",
    "save_option",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])


FORMATS = ("terminal", "json", "csv", "markdown", "html")


def format_option_of(formats: Sequence[str]) -> Callable[[_Command], _Command]:
    """The option that chooses what is printed, out of a command's formats."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(formats),
        default="terminal",
        show_default=True,
        help="What to print.",
    )


format_option = format_option_of(FORMATS)


save_option = click.option(
    "--save",
    "paths",
    multiple=True,
    metavar="PATH",
    help="Also write a report: the suffix names its format (.html .csv .json .md, most .parquet, "
    "of an audit .sarif, .xml: JUnit); a folder (PATH/) takes one for each model and an index. "
    "Repeatable.",
)


kwargs_option = click.option(
    "--kwargs", "arguments", metavar="JSON", help="Keyword arguments for a builder."
)


input_shape_option = click.option(
    "--input-shape",
    metavar="SHAPE",
    help="Derive with this input shape, the batch axis first: 'None,224,224,3' or JSON.",
)


exempt_option = click.option(
    "--exempt",
    "exemptions",
    multiple=True,
    metavar="LAYER=REASON",
    help="Waive a layer (a path or a pattern), with the reason. Repeatable.",
)


limit_option = click.option(
    "--limit",
    "limits",
    multiple=True,
    envvar="KERASAUDIT_LIMIT",
    show_envvar=True,
    metavar="NAME=N",
    help="Read less or more of a file than by default (config_bytes, seconds, …). Repeatable.",
)


config_option = click.option(
    "--config",
    metavar="FILE",
    envvar="KERASAUDIT_CONFIG",
    show_envvar=True,
    help="The settings: a pyproject.toml or kerasaudit.toml. [default: the nearest one here or "
    "above]",
)


locks_option = click.option(
    "--locks",
    "folder",
    metavar="FOLDER",
    envvar="KERASAUDIT_LOCKS",
    show_envvar=True,
    help="Where the locks are. [default: locks in the settings, or audits]",
)


debug_option = click.option("--debug", is_flag=True, help="Show the traceback of an error.")


_OF_LAYERS = ("params", "trainable_params", "macs", "bytes", "activation_bytes")
_BUDGETS = (*_OF_LAYERS, "peak_activation_bytes")


def budget_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for the most that a model, or a layer of it, may take of each quantity."""
    for quantity in reversed(_BUDGETS):
        example = "20MiB" if quantity.endswith("bytes") else "5M"
        layers = quantity in _OF_LAYERS
        subject = "LAYER: a path or pattern. " if layers else ""
        option = click.option(
            f"--max-{quantity.replace('_', '-')}",
            multiple=True,
            metavar="[LAYER=]N" if layers else "N",
            envvar=f"KERASAUDIT_MAX_{quantity.upper()}",
            show_envvar=True,
            help=f"Fail above this many ({example}). {subject}Repeatable.",
        )
        command = option(command)
    return command
