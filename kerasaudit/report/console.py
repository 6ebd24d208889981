"""What the reports on a terminal have in common: a console of its width, and pieces of text."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from kerasaudit.report.wording import MARKS, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

__all__ = ["STYLES", "WIDTH", "as_text", "indented", "mark", "marked", "plain", "styled", "write"]

WIDTH = 80

STYLES = {
    "ok": "green",
    "findings": "bold red",
    "mismatch": "bold red",
    "wrong": "bold red",
    "false": "bold red",
    "failed": "bold red",
    "erratum": "bold yellow",
    "incomplete": "bold yellow",
    "unsupported": "bold yellow",
    "unbuilt": "bold yellow",
    "unjudged": "bold yellow",
    "unreadable": "bold yellow",
    "exempt": "dim",
    "fixed": "bold green",
    "over": "bold red",
    "unknown": "bold yellow",
    "warning": "bold yellow",
}
# For a stream that cannot carry these characters: "?" in place of "✓" would say another thing.
_PLAIN = str.maketrans(
    {"✓": "+", "✗": "x", "·": "*", "×": "x", "−": "-", "–": "-", "─": "-", "→": ">", "…": "~"}
    | {"≠": "!", "↕": "^"}
    | dict(zip("▁▂▃▄▅▆▇█", "_.-=+*#@", strict=True))
)


def as_text(show: Callable[[Console], None]) -> str:
    r"""What `show` prints on a console, as plain text of 80 columns.

    >>> as_text(lambda console: console.print("two words"))
    'two words\n'
    """
    stream = io.StringIO()
    write(stream, show, width=WIDTH, color=False)
    return stream.getvalue()


def write(
    stream: TextIO,
    show: Callable[[Console], None],
    *,
    width: int | None = None,
    color: bool | None = None,
) -> None:
    """Write what `show` prints on a console to a text stream.

    Args:
        stream: where to; a terminal gets colour (unless NO_COLOR is set) and its own width.
        show: prints a report.
        width: columns, if not the terminal's own (80 where there is none).
        color: whether to colour, if not as the stream says.
    """
    from rich.console import Console

    buffer = io.StringIO()
    is_terminal = stream.isatty() if color is None else color
    if width is None:
        width = Console(file=stream).width if stream.isatty() else WIDTH
    console = Console(
        file=buffer,
        width=max(width, 40),
        force_terminal=is_terminal,
        no_color=False if color else None,
        color_system="standard" if color else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    show(console)
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    stream.write(_encodable("".join(f"{line}\n" for line in lines), stream))


def _encodable(text: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def plain(text: str) -> Text:
    """A text."""
    from rich.text import Text

    return Text(text)


def styled(text: str, style: str) -> Text:
    """A text in a style."""
    from rich.text import Text

    return Text.assemble((text, style))


def mark(status: str) -> Text:
    """The mark of a status, in its colour."""
    return styled(MARKS[status], STYLES[status])


def marked(status: str, text: str) -> Text:
    """A text after the mark of its status."""
    return mark(status).append(f" {printable(text)}")


def indented(content: RenderableType, columns: int) -> RenderableType:
    """What is printed, so many columns further right."""
    from rich.padding import Padding

    return Padding(content, (0, 0, 0, columns))
