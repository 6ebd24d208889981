"""Renders documents whose figures were judged; one module a format; computes nothing.

A format is a module of this package that declares `FORMAT`, `SUFFIX` and `render(results)` for
`Document` and `Failure`, as the modules of `kerasaudit.report` do for audits.
"""

from __future__ import annotations
