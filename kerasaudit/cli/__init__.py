"""The command line: parses, calls the API, prints. Results go to stdout, all else to stderr.

A module is a command, or what several commands share: `options`, `parsing` of what is given to
them, the `console`, the `exit_codes`.
"""

from __future__ import annotations

from kerasaudit.cli import audit, claims, diff, explain, gradients, lock, rules
from kerasaudit.cli.group import command, main

__all__ = ["audit", "claims", "command", "diff", "explain", "gradients", "lock", "main", "rules"]
