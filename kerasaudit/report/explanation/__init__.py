"""Renders models worked through path by path; one module a format; computes nothing.

A format is a module of this package that declares `FORMAT`, `SUFFIX` and `render(results)` for
`Lesson` and `Failure`, as the modules of `kerasaudit.report` do for audits.
"""

from __future__ import annotations
