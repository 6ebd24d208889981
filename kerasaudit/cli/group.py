"""The command that holds all others."""

from __future__ import annotations

import sys

import click

from kerasaudit.version import __version__

__all__ = ["command", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kerasaudit")
def command() -> None:
    """Prove the parameter counts of Keras models, and what training does to each kernel."""


def main() -> None:
    """The console script."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a pipe of another encoding
    command.main(prog_name="kerasaudit")
