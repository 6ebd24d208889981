"""Documents: every marked figure in them judged against the model that the mark names, and mended.

The figure must be the one derived and the one that the live model or the file holds, wherever they
are known. A figure that cannot be judged is not a pass, and is never rewritten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kerasaudit.config import DEFAULT_LIMITS, Limits
from kerasaudit.errors import MarkError, TargetError
from kerasaudit.finding import Finding
from kerasaudit.location import Location
from kerasaudit.reconciliation.audit import attempt, audit, status_of
from kerasaudit.reconciliation.findings import finding
from kerasaudit.reconciliation.prose.mark import Mark, TableMark, filled, header, is_mark, read_mark
from kerasaudit.reconciliation.prose.page import (
    Cell,
    Comment,
    Table,
    line_starts,
    place,
    read_comments,
)
from kerasaudit.reconciliation.prose.written import Written, read_figure
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.reconciliation.truth import QUANTITIES, Truth, in_words, truth_of
from kerasaudit.writing import write_whole
from kerasaudit.zoo import TOTAL

__all__ = ["Document", "ProseClaim", "check_documents"]

_BOM = "\ufeff"
_NO_FIGURE = ("", "-", "–", "—")
_FEW = 8  # so many layers are named where one is not found


@dataclass(frozen=True, slots=True)
class ProseClaim:
    """A marked figure, judged: "ok", "wrong", "fixed", "unjudged" or "unreadable".

    `line` and `column`, counted from 1, are those of the figure (of the mark, where none follows
    it). `target`, `layer` (`None` or "total": the whole model) and `quantity` are what the mark
    asks for, `written` is the figure as it stands, or stood before it was fixed. `derived`,
    `observed` and `stored` are the figure on each side, a number or the extents of a shape, `None`
    where a side does not know it. `replacement` is the right figure in the form of the written one,
    where that is wrong.
    """

    line: int
    column: int
    target: str | None
    layer: str | None
    quantity: str | None
    written: str | None
    derived: Any
    observed: Any
    stored: Any
    status: str
    message: str
    replacement: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A text and the marked figures in it. `target` is the file, as it was given.

    `status`: "ok", "findings" (a figure is wrong) or "incomplete" (one could not be judged).
    """

    target: str
    status: str
    claims: tuple[ProseClaim, ...]
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        """What a report calls it."""
        return self.target


@dataclass(frozen=True, slots=True)
class _Asked:
    """A figure that a mark asks for, where it stands; `fault` says why there is none."""

    start: int
    mark: Mark | None = None
    written: Written | None = None
    cell: Cell | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class _Text:
    """A file that was read: its text without a byte order mark, and what is asked for in it."""

    file: str
    content: bytes
    text: str
    lines: tuple[int, ...]
    asked: tuple[_Asked, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A claim, what is wrong with it, and where the figure stands that it is on."""

    claim: ProseClaim
    finding: Finding | None
    asked: _Asked


def check_documents(
    files: Iterable[str | Path],
    *,
    fix: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    started: Callable[[str, int, int], object] = lambda *_: None,
) -> list[Document | Failure]:
    """Judge every marked figure in Markdown files; a file that cannot be read is a `Failure`.

    Args:
        files: Markdown files, in UTF-8. The targets of their marks are resolved as
            `kerasaudit.audit` does, from the current directory, each once.
        fix: write the right figure in place of each wrong one, in the same form. A file is written
            whole or not at all; what is no figure stays as it is, byte for byte, but for the
            padding of a table's cells.
        limits: how much of a model file is read before it is refused.
        started: called before each audit with the target, how many are done, and how many there
            are.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.md")
    ...     _ = path.write_text("It has <!-- kerasaudit: no.json parms -->7 parameters.")
    ...     [document] = check_documents([path])
    >>> document.status, document.findings[0].message
    ('incomplete', 'no quantity is named parms; did you mean params?')
    """
    distinct = {os.path.realpath(file): os.fspath(file) for file in reversed(list(files))}
    given = list(distinct.values())[::-1]
    texts = [attempt(file, partial(_read, file)) for file in given]
    audits = _audits(texts, limits, started)
    results: list[Document | Failure] = []
    for text in texts:
        if isinstance(text, Failure):
            results.append(text)
            continue
        judged = [_judge(text, asked, audits) for asked in text.asked]
        if fix and any(one.claim.replacement is not None for one in judged):
            failure = attempt(text.file, partial(_fix, text, judged))
            if isinstance(failure, Failure):
                results.append(failure)
            else:
                judged = [_mended(one) for one in judged]
        results.append(_document(text.file, judged))
    return results


def _document(file: str, judged: Sequence[_Judged]) -> Document:
    findings = tuple(one.finding for one in judged if one.finding is not None)
    claims = tuple(one.claim for one in judged)
    return Document(file, status_of(findings), claims, findings)


def _audits(
    texts: Iterable[_Text | Failure],
    limits: Limits,
    started: Callable[[str, int, int], object],
) -> Mapping[str, Audit | Failure]:
    """What each target that any mark names is found to be."""
    targets = dict.fromkeys(
        asked.mark.target
        for text in texts
        if not isinstance(text, Failure)
        for asked in text.asked
        if asked.mark is not None
    )
    audits: dict[str, Audit | Failure] = {}
    for done, target in enumerate(targets):
        started(target, done, len(targets))
        audits[target] = attempt(target, partial(audit, target, limits=limits))
    return audits


# -- what is asked for --------------------------------------------------------------------------


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise TargetError(f"{file}: cannot be read: {error.strerror or error}") from error


def _read(file: str) -> _Text:
    content = _content(file)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise TargetError(
            f"{file}:{line}: expected text in UTF-8, received the byte 0x{byte:02x}"
        ) from error
    text = text.removeprefix(_BOM)
    return _Text(file, content, text, tuple(line_starts(text)), tuple(_all_asked(text)))


def _all_asked(text: str) -> Iterator[_Asked]:
    for comment in read_comments(text):
        try:
            yield from _asked(text, comment)
        except MarkError as error:
            yield _Asked(comment.start, fault=str(error))


def _asked(text: str, comment: Comment) -> Iterator[_Asked]:
    if comment.content is None:
        if is_mark(text[comment.start :].removeprefix("<!--")):
            raise MarkError("expected --> at the end of the mark, the comment is not closed")
        return
    if not is_mark(comment.content):
        return
    mark = read_mark(comment.content)
    if isinstance(mark, Mark):
        yield _figure(text, comment.start, comment.end, comment.reach, mark, comment.cell)
    elif comment.table is None:
        raise MarkError("expected a table on the line below the mark")
    else:
        yield from _asked_of_table(text, mark, comment.table)


def _figure(
    text: str, fallback: int, start: int, end: int, mark: Mark, cell: Cell | None
) -> _Asked:
    try:
        written = read_figure(text, start, end, QUANTITIES[mark.quantity].kind)
    except MarkError as error:
        return _Asked(fallback, fault=f"{_subject(mark)}: {error}")
    return _Asked(written.start, mark, written, cell)


def _asked_of_table(text: str, mark: TableMark, table: Table) -> Iterator[_Asked]:
    columns = {
        quantity: table.header.index(header(name, table.header))
        for quantity, name in mark.columns.items()
    }
    for row in table.rows:
        # Markdown lets a row be shorter than the header.
        texts = [cell.text for cell in row] + [""] * (len(table.header) - len(row))
        cells = dict(zip(table.header, texts, strict=True))
        target = filled(mark.target, cells)
        layer = None if mark.layer is None else filled(mark.layer, cells)
        for quantity, column in columns.items():
            if texts[column] not in _NO_FIGURE:
                cell = row[column]
                one = Mark(target, layer, quantity)
                yield _figure(text, cell.start, cell.start, cell.end, one, cell)


# -- judging ------------------------------------------------------------------------------------


def _subject(mark: Mark) -> str:
    words = QUANTITIES[mark.quantity].words
    return f"{words} of {mark.target}" + (f" {mark.layer}" if mark.layer else "")


def _judge(text: _Text, asked: _Asked, audits: Mapping[str, Audit | Failure]) -> _Judged:
    line, column = place(text.lines, asked.start)
    mark, written = asked.mark, asked.written
    claim = ProseClaim(
        line=line,
        column=column,
        target=mark.target if mark else None,
        layer=mark.layer if mark else None,
        quantity=mark.quantity if mark else None,
        written=written.text if written else None,
        derived=None,
        observed=None,
        stored=None,
        status="ok",
        message="confirmed",
    )
    if mark is None or written is None:
        found: Finding | None = finding("KA208", Path(text.file).name, asked.fault or "")
    else:
        claim, found = _against(claim, mark, written, audits[mark.target])
    if found is not None:
        status = {"KA205": "unjudged", "KA208": "unreadable"}.get(found.code, "wrong")
        claim = replace(claim, status=status, message=found.message)
        found = replace(found, location=Location(text.file, line))
    return _Judged(claim, found, asked)


def _against(
    claim: ProseClaim, mark: Mark, written: Written, audited: Audit | Failure
) -> tuple[ProseClaim, Finding | None]:
    """The written figure against each side that knows it."""
    subject, path = _subject(mark), mark.layer or mark.target
    if isinstance(audited, Failure):
        told = audited.message  # most messages begin with what they speak of
        message = told if told.startswith(mark.target) else f"{mark.target}: {told}"
        return claim, finding("KA208", path, message)
    rows = {row.path: row for row in audited.layers}
    row = rows.get(mark.layer) if mark.layer is not None else None
    if row is None and mark.layer is not None and mark.layer.casefold() != TOTAL:
        near = ", ".join(list(rows)[:_FEW])
        message = f"{subject}: no layer has the path {mark.layer!r}; the model has {near}"
        return claim, finding("KA204", path, message)
    truth = truth_of(mark.quantity, row, audited.totals, audited.output_shapes)
    sides = {
        side: value
        for side in ("derived", "observed", "stored")
        if _is_known(value := getattr(truth, side))
    }
    claim = replace(claim, **sides)
    if not sides:
        return claim, finding("KA205", path, f"{subject}: not known, so that it cannot be judged")
    if all(written.agrees_with(value) for value in sides.values()):
        return claim, None
    return _wrong(claim, path, subject, written, truth, sides)


def _wrong(
    claim: ProseClaim,
    path: str,
    subject: str,
    written: Written,
    truth: Truth,
    sides: Mapping[str, Any],
) -> tuple[ProseClaim, Finding]:
    values = list(dict.fromkeys(sides.values()))
    # Where the sides part, the model is at fault first: no figure would be right.
    right = written.rewritten(values[0]) if len(values) == 1 else None
    told = " and ".join(
        f"{' and '.join(side for side, one in sides.items() if one == value)} {in_words(value)}"
        for value in values
    )
    working = f" ({truth.working})" if truth.working else ""
    message = f"{subject}: written as {written.text}, {told}{working}"
    if right is None:
        message += "; the model is not what its config says, see kerasaudit audit"
    elif right != in_words(values[0]):
        message += f"; in the same form {right}"
    found = finding(
        "KA207",
        path,
        message,
        expected=right,
        observed=written.text,
        difference=written.difference(values[0]) if right is not None else None,
    )
    return replace(claim, replacement=right), found


def _is_known(value: Any) -> bool:
    """Whether a figure is known; of a shape, whether every extent is, and there is one."""
    return value is not None and value != () and (isinstance(value, int) or None not in value)


# -- mending ------------------------------------------------------------------------------------


def _mended(judged: _Judged) -> _Judged:
    if judged.claim.replacement is None:
        return judged
    message = f"was {judged.claim.written}, is {judged.claim.replacement}"
    return replace(
        judged, claim=replace(judged.claim, status="fixed", message=message), finding=None
    )


def _fix(text: _Text, judged: Sequence[_Judged]) -> None:
    """Write the file anew with every replacement in it.

    Raises:
        TargetError: it cannot be written, or has been changed in the meantime.
    """
    edits = sorted(_edits(text.text, judged))
    pieces, position = [], 0
    for start, end, new in edits:
        pieces += [text.text[position:start], new]
        position = end
    fixed = "".join([*pieces, text.text[position:]]).encode()
    mark = _BOM.encode() if text.content.startswith(_BOM.encode()) else b""
    if _content(text.file) != text.content:
        raise TargetError(f"{text.file}: was changed while it was judged; nothing is written")
    write_whole(text.file, [mark + fixed])


def _edits(text: str, judged: Sequence[_Judged]) -> Iterator[tuple[int, int, str]]:
    """What to write from where to where: the figures, and the padding of their cells."""
    done: set[Written] = set()
    wider: dict[Cell, int] = {}
    for one in judged:
        written, new = one.asked.written, one.claim.replacement
        if written is None or new is None or written in done:
            continue
        done.add(written)
        yield written.start, written.end, new
        if one.asked.cell is not None:
            wider[one.asked.cell] = wider.get(one.asked.cell, 0) + len(new) - len(written.text)
    for cell, by in wider.items():
        yield from _padding(text, cell, by)


def _padding(text: str, cell: Cell, wider: int) -> Iterator[tuple[int, int, str]]:
    """The spaces that keep a cell as wide as it was, though its text is wider by so much."""
    content = text[cell.start : cell.end]
    before, after = (len(content) - len(one) for one in (content.lstrip(" "), content.rstrip(" ")))
    closed = text[cell.end : cell.end + 1] == "|"
    if before > after or (before == after and cell.right) or not closed:
        start, end = cell.start, cell.start + before
    else:
        start, end = cell.end - after, cell.end
    spaces = max(end - start - wider, min(end - start, 1))
    if spaces != end - start:
        yield start, end, " " * spaces
