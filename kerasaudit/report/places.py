"""Where a report says that something stands: relative to the repository, never absolute.

An annotation on a line of a pull request needs a path from the root of the repository; and a report
must not depend on where that lies. What stands outside of it, or in no file, has no place.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from kerasaudit.location import Location
from kerasaudit.reconciliation.result import Audit

__all__ = ["in_repository", "placed"]


def placed(audit: Audit) -> Audit:
    """The audit with every place in it relative to the repository."""
    return replace(
        audit,
        location=in_repository(audit.location),
        claims=tuple(
            replace(claim, location=in_repository(claim.location)) for claim in audit.claims
        ),
        findings=tuple(
            replace(finding, location=in_repository(finding.location)) for finding in audit.findings
        ),
    )


def in_repository(location: Location | None) -> Location | None:
    """A location with its file relative to the repository, `None` where it stands outside.

    The repository is the workspace of a GitHub workflow, or else the working directory.

    >>> in_repository(Location("models/net.py", 3))
    Location(file='models/net.py', line=3)
    >>> in_repository(Location("https://example.org/net.keras")) is None
    True
    """
    if location is None or "://" in location.file:
        return None
    file = Path(os.path.abspath(location.file))  # noqa: PTH100 - a link stays what it is called
    for root in filter(None, (os.environ.get("GITHUB_WORKSPACE"), os.getcwd())):  # noqa: PTH109 - as text
        for asked, above in ((file, Path(root)), (file.resolve(), Path(root).resolve())):
            if asked.is_relative_to(above):
                return Location(asked.relative_to(above).as_posix(), location.line)
    return None
