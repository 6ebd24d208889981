"""KA350, KA351: what could not be read of a file, and what was not for its size."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards.hazard import in_file

__all__ = ["KINDS", "LIMIT", "UNREADABLE", "found"]

UNREADABLE = Kind(
    "KA350",
    "a file is not what its format says",
    "The file, or a part of it, cannot be read as the format that it claims to be in.",
    "What one reader makes of a damaged or contradictory file is not what another does: nothing "
    "that is read of it can be relied on, and malformed is never clean.",
    "model.keras: expected the central directory of a zip, received the end of the file.",
    "Get the file again from its source; if it is damaged there too, do not load it.",
    incomplete=True,
)
LIMIT = Kind(
    "KA351",
    "a file asks for more than the limits allow",
    "To read it would take more time, memory or reading than `kerasaudit.config.Limits` allows.",
    "A small file can claim to be endless, and would hold up whatever loads it.",
    "model.keras: expected at most 10,000 members (members), received more.",
    "If the file is known to be that large, raise the limit that the message names.",
    incomplete=True,
)
KINDS = (UNREADABLE, LIMIT)


def found(contents: Contents) -> Iterator[Finding]:
    """What the readers noted."""
    for problem in contents.problems:
        yield in_file(UNREADABLE, problem)
