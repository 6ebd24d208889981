"""`kerasaudit rules`."""

from __future__ import annotations

import shutil
import sys

import click

from kerasaudit.cli.console import OneLineErrors
from kerasaudit.cli.group import command

__all__ = ["rules"]


@command.command()
def rules() -> None:
    """List the layer classes that have a rule, by family, and what each rule says first."""
    from kerasaudit.derivation.rule import registered_rules

    by_family: dict[str, list[tuple[str, str]]] = {}
    with OneLineErrors(debug=False):
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
