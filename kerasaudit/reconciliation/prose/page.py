"""A Markdown text as marks need it: its HTML comments and its tables, each with where it stands.

What stands in code (fenced, indented or a span) is shown and not meant: no comment is found there,
so that a text can show what a mark looks like. The blocks are those of CommonMark with tables.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["Cell", "Comment", "Table", "line_starts", "place", "read_comments"]

# Lines as Markdown has them: str.splitlines would break at form feeds and the like as well.
_LINE_END = re.compile(r"\r\n?|\n")
_DEEPEST = 200
_LEAVES = ("paragraph_open", "heading_open", "html_block", "tr_open")
_PIPE = re.compile(r"(?<!\\)\|")
# What may stand before a row that is inside a quote or a list.
_CONTAINER = re.compile(r"(?:[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t])*")
_RIGHT = re.compile(r"\s*-+:\s*")
_INLINE = re.compile(r"\\[!-/:-@\[-`{-~]|(?P<ticks>`+)|(?P<comment><!--)")
_RAW = re.compile(r"(?P<ticks>(?!))|(?P<comment><!--)")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table, between its pipes; `right`: its column is aligned to the right."""

    start: int
    end: int
    text: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the texts of its header, and the cells of each row below."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Comment:
    """An HTML comment that is one: `content` is what is between its ends, `end` where it ends.

    What it speaks of ends at `reach`: the end of the paragraph, cell or the like that it stands in,
    of the next line where Markdown takes its own for HTML. `cell` is the cell of a table that it
    stands in, `table` the table that follows its block at once. `content` is `None` where the
    comment is not closed.
    """

    start: int
    end: int
    content: str | None
    reach: int
    cell: Cell | None = None
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """A piece of the text that no comment leads out of."""

    start: int
    end: int
    reach: int
    raw: bool = False
    cell: Cell | None = None
    table: Table | None = None


def read_comments(text: str) -> list[Comment]:
    """The comments of a Markdown text, in order, but for those in code.

    >>> [comment.content for comment in read_comments("a <!-- b --> `<!-- c -->` <!-- d -->")]
    [' b ', ' d ']
    """
    return [comment for block in _blocks(text) for comment in _comments(text, block)]


def line_starts(text: str) -> list[int]:
    """Where the lines of a text begin."""
    return [0, *(end.end() for end in _LINE_END.finditer(text))]


def place(starts: Sequence[int], offset: int) -> tuple[int, int]:
    r"""The line and the column of a place in a text whose lines begin there, counted from 1.

    >>> place(line_starts("one\r\ntwo"), 6)
    (2, 2)
    """
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


# -- blocks -------------------------------------------------------------------------------------


def _blocks(text: str) -> Iterator[_Block]:
    from markdown_it import MarkdownIt

    # Only the blocks are asked for: what is inside them is looked at here, for its place.
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable("table").disable("inline")
    tokens = parser.parse(text)
    starts = [*line_starts(text), len(text)]
    right: tuple[bool, ...] = ()
    for number, token in enumerate(tokens):
        if token.type == "table_open":
            right = _aligned(text, token, starts)
        if token.type not in _LEAVES:
            continue
        start, end = _span(token, starts)
        if token.type == "tr_open":
            cells = _cells(text, start, end, right)
            yield from (_Block(cell.start, cell.end, cell.end, cell=cell) for cell in cells)
        elif token.type == "html_block":
            table = _table(text, tokens[number + 1 :], starts)
            next_line = starts[bisect_right(starts, end)] if end < len(text) else end
            yield _Block(start, end, next_line, raw=True, table=table)
        else:
            yield _Block(start, end, end)


def _span(token: Token, starts: Sequence[int]) -> tuple[int, int]:
    assert token.map is not None
    first, last = token.map
    return starts[first], starts[min(last, len(starts) - 1)]


def _comments(text: str, block: _Block) -> Iterator[Comment]:
    pattern = _RAW if block.raw else _INLINE
    position = block.start
    while found := pattern.search(text, position, block.end):
        position = found.end()
        if found["ticks"]:
            # A span ends at as many backticks as it begins with; without them it is none.
            runs = re.compile("`+").finditer(text, position, block.end)
            closing = (run.end() for run in runs if run.group() == found["ticks"])
            position = next(closing, position)
        elif found["comment"]:
            end = text.find("-->", position, block.end)
            closed = end >= 0
            empty = re.compile("-?>").match(text, position, block.end)
            position = empty.end() if empty else end + 3 if closed else block.end
            content = "" if empty else text[found.end() : end] if closed else None
            yield Comment(found.start(), position, content, block.reach, block.cell, block.table)


# -- tables -------------------------------------------------------------------------------------


def _table(text: str, tokens: Sequence[Token], starts: Sequence[int]) -> Table | None:
    """The table that the tokens begin with, if they begin with one."""
    if not tokens or tokens[0].type != "table_open":
        return None
    end = next(number for number, token in enumerate(tokens) if token.type == "table_close")
    right = _aligned(text, tokens[0], starts)
    header, *rows = (
        tuple(_cells(text, *_span(token, starts), right))
        for token in tokens[:end]
        if token.type == "tr_open"
    )
    return Table(tuple(cell.text for cell in header), tuple(rows))


def _aligned(text: str, table: Token, starts: Sequence[int]) -> tuple[bool, ...]:
    """Which columns of a table are aligned to the right, as the line below its header says."""
    assert table.map is not None
    line = table.map[0] + 1
    bounds = _bounds(text, starts[line], starts[line + 1])
    return tuple(_RIGHT.fullmatch(text, *bound) is not None for bound in bounds)


def _cells(text: str, start: int, end: int, right: Sequence[bool]) -> list[Cell]:
    """The cells of a row; Markdown leaves out those that have no column."""
    return [
        Cell(*bound, _plain(text[slice(*bound)]), aligned)
        for bound, aligned in zip(_bounds(text, start, end), right, strict=False)
    ]


def _bounds(text: str, start: int, end: int) -> list[tuple[int, int]]:
    while end > start and text[end - 1] in " \t\r\n":
        end -= 1
    inner = _CONTAINER.match(text, start, end)
    start = inner.end() if inner else start
    pipes = [found.start() for found in _PIPE.finditer(text, start, end)]
    if pipes and pipes[0] == start:
        start, pipes = start + 1, pipes[1:]
    if pipes and pipes[-1] == end - 1:
        end, pipes = end - 1, pipes[:-1]
    edges = [start - 1, *pipes, end]
    return [(left + 1, right) for left, right in pairwise(edges)]


def _plain(markdown: str) -> str:
    """The text of a cell without the marks of emphasis, code and links."""
    text = re.sub(r"<!--.*?-->", "", markdown.replace("\\|", "|"))
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return text.strip().strip("*`").strip()
