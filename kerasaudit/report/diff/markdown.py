"""Markdown: before, after and difference in pipe tables, fit for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kerasaudit.reconciliation.differences import Diff, LayerChange
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.diff import wording
from kerasaudit.report.diff.wording import MARKS, STATUS_MARKS, Detail, listed, partition
from kerasaudit.report.markdown import code, prose, table

__all__ = ["FORMAT", "MARKER", "SUFFIX", "render", "sections"]

FORMAT = "markdown"
SUFFIX = ".md"

# Not shown: what posts the comment finds by it the one to replace.
MARKER = "<!-- kerasaudit diff -->"

_MOST = 200  # so many rows of a table stand in a comment, which may have 65,536 characters


def render(results: Sequence[Diff | Failure]) -> str:
    """Render results as Markdown.

    >>> print(render([Failure("a|b.json", "no such file")]))
    <!-- kerasaudit diff -->
    <BLANKLINE>
    ## Not audited
    <BLANKLINE>
    - `a|b.json`: no such file
    <BLANKLINE>
    """
    diffs, failures = partition(results)
    blocks = [MARKER, *("\n\n".join(_diff(diff)) for diff in diffs)]
    if failures:
        lines = (f"- {code(f.target)}: {prose(f.message)}" for f in failures)
        blocks.append("## Not audited\n\n" + "\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _diff(diff: Diff) -> Iterable[str]:
    yield f"## {STATUS_MARKS[diff.status]} {code(diff.old.name)} → {code(diff.new.name)}"
    yield from sections(diff)


def sections(diff: Diff) -> Iterable[str]:
    """A diff without its heading: what was compared, the totals, the layers."""
    targets = f"{code(diff.old.target)} → {code(diff.new.target)}"
    yield f"{targets} · **{wording.status_line(diff)}**"
    lines = [
        f"- {prose(reason)}" for side in (diff.old, diff.new) for reason in wording.reasons(side)
    ]
    if lines:
        yield "\n".join(lines)
    yield table("|total|before|after|difference|", _totals(diff), right=(1, 2, 3))
    changes, renamed = (listed(diff.layers, renamed=only) for only in (False, True))
    if changes:
        yield "### Layers"
        header = "|change|layer|class|before|after|difference|what changed|"
        yield table(header, map(_layer, changes[:_MOST]), right=(3, 4, 5))
        yield from _more(changes)
    if renamed:
        noun = "layer is" if len(renamed) == 1 else "layers are"
        yield f"<details><summary>{len(renamed):,} {noun} only renamed</summary>"
        yield table("|layer|class|what changed|", map(_renamed, renamed[:_MOST]))
        yield from _more(renamed)
        yield "</details>"
    if diff.connections:
        yield "### Fed by other layers"
        rows = (
            [code(cell, cell=True) for cell in wording.fed(one)] for one in diff.connections[:_MOST]
        )
        yield table("|layer|before|after|", rows)
        yield from _more(diff.connections)
    yield f"{wording.unchanged_line(diff)}."
    if wording.versions_line(diff):
        yield f"<sub>{prose(wording.versions_line(diff))}</sub>"


def _more(rows: Sequence[object]) -> Iterable[str]:
    if len(rows) > _MOST:
        yield f"{len(rows) - _MOST:,} more stand in the JSON report."


def _totals(diff: Diff) -> Iterable[list[str]]:
    for one in wording.totals_shown(diff):
        figures = map(wording.figure, (one.old, one.new))
        yield [prose(wording.tally(one)), *figures, wording.difference(one)]


def _layer(change: LayerChange) -> list[str]:
    return [
        f"{MARKS[change.kind]} {change.kind}",
        _name(change),
        code(change.class_name, cell=True),
        *wording.params(change),
        _details(change),
    ]


def _renamed(change: LayerChange) -> list[str]:
    return [_name(change), code(change.class_name, cell=True), _details(change)]


def _name(change: LayerChange) -> str:
    paths = dict.fromkeys(path for path in (change.old_path, change.new_path) if path is not None)
    return " → ".join(code(path, cell=True) for path in paths)


def _details(change: LayerChange) -> str:
    return "<br>".join(map(_detail, wording.details(change)))


def _detail(detail: Detail) -> str:
    return f"{code(detail.name, cell=True)} {prose(detail.old)} → {prose(detail.new)}"
