"""Renders diffs of two models; one module a format; computes nothing.

A format is a module of this package that declares `FORMAT`, `SUFFIX` and `render(results)` for
`Diff` and `Failure`, as the modules of `kerasaudit.report` do for audits.
"""

from __future__ import annotations
