"""Every error that kerasaudit raises on purpose.

Each message is one line that names what, where, what was expected and what was received,
so that the command line can print it as it is.
"""

from __future__ import annotations

import re

__all__ = [
    "AuditError",
    "BackendMissingError",
    "ConfigError",
    "KerasAuditError",
    "LimitError",
    "MalformedError",
    "MarkError",
    "NothingFoundError",
    "RuleError",
    "ShapeError",
    "TargetError",
    "UnsupportedError",
    "WorkingError",
    "one_line",
]

# A sequence that styles a terminal's text or moves its cursor: Keras writes names in bold.
_ANSI = re.compile(r"\x1b\[[0-?]{0,99}[ -/]{0,9}[@-~]")


def one_line(text: object, limit: int = 500) -> str:
    r"""Return `text` as one printable line of at most `limit` characters.

    Messages carry names out of files and other people's exceptions: line breaks and control
    characters in them must not reach a terminal. What only styles a terminal's text is left out.

    >>> one_line("two\nlines, \x1b[1mbold\x1b[0m")
    'two lines, bold'
    """
    # Of a text of millions of characters the first are enough, whatever there is to collapse.
    collapsed = " ".join(_ANSI.sub("", str(text)[: 100 * limit]).split())
    printable = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in collapsed)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"


class KerasAuditError(Exception):
    """Base class: one clear line. `AuditError` alone may span several."""

    def __init__(self, message: object) -> None:
        super().__init__(one_line(message))


class ConfigError(KerasAuditError):
    """A config holds a value that no Keras layer can have."""


class ShapeError(ConfigError):
    """An input shape does not fit the layer or model it is given to."""


class UnsupportedError(KerasAuditError):
    """No rule derives this layer, or not in this state; it is reported, never counted as 0."""


class RuleError(KerasAuditError):
    """A rule is registered twice, or is itself at fault."""


class WorkingError(KerasAuditError):
    """The working of a claim cannot be read as arithmetic."""


class MarkError(KerasAuditError):
    """A mark in a text, or the figure that follows it, cannot be read."""


class TargetError(KerasAuditError):
    """A target cannot be found, imported, built or read."""


class MalformedError(TargetError):
    """A file is not what its format says; nothing of it is trusted any more (KA350)."""


class LimitError(TargetError):
    """A file asks for more time, memory or reading than the limits allow (KA351)."""


class NothingFoundError(TargetError):
    """A target exists, but there is no model in it: nothing was audited."""


class BackendMissingError(TargetError):
    """Keras or its backend is not installed; the message says what to install."""


class AuditError(KerasAuditError):
    """An audit is not clean: raised by `Audit.raise_if_failed`, with a line per failure."""

    def __init__(self, lines: list[str]) -> None:
        Exception.__init__(self, "\n".join(lines))
