"""KA313, KA314: what claims to be far larger than it is stored."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.config import DEFAULT_LIMITS
from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards.hazard import in_file, quoted

__all__ = ["KINDS", "found"]

ARRAY = Kind(
    "KA313",
    "an array claims far more than is stored of it",
    "An array of the weights file, or all of them together, is declared with over 16 MiB, and less "
    "than a hundredth of it is stored. Arrays that were never written (zeros) may be so too, while "
    "they are small.",
    "Memory is taken for what is declared: a file of a few kilobytes brings the machine down "
    "(CVE-2026-0897, GHSA-xfhx-r7ww-5995).",
    "'layers/dense/vars/0' is declared with 4,398,046,511,104 bytes, and 0 are stored.",
    "Do not load the file.",
)
MEMBER = Kind(
    "KA314",
    "a member claims far more than is stored of it",
    "A member of the archive, or all of them together, unpacks to over 16 MiB and over 100 times "
    "what it takes in the archive. It is not unpacked.",
    "Unpacking fills the memory or the disk; Keras refuses it from 3.15 on. Keras itself stores "
    "members as they are, and weights hardly compress.",
    "'model.weights.h5' takes 1,048,576 bytes and unpacks to 1,073,741,824.",
    "Do not load the file.",
)
KINDS = (ARRAY, MEMBER)

_SMALL = 16 * 1024 * 1024


def found(contents: Contents) -> Iterator[Finding]:
    """Each alone, and what many small ones come to."""
    yield from _arrays(contents)
    yield from _members(contents)


def _far_above(claimed: int, stored: int) -> bool:
    return claimed > _SMALL and claimed > DEFAULT_LIMITS.ratio * stored


def _arrays(contents: Contents) -> Iterator[Finding]:
    claimed = stored = 0
    alone = False
    for dataset in contents.tree.datasets.values() if contents.tree else ():
        if dataset.storage in {"external", "virtual"} or dataset.external:
            continue  # what is elsewhere is a hazard of its own
        here = dataset.stored or 0
        if _far_above(dataset.declared, here):
            alone = True
            yield in_file(
                ARRAY,
                f"{quoted(dataset.path)} is declared with {dataset.declared:,} bytes, and {here:,} "
                "are stored",
            )
        claimed, stored = claimed + dataset.declared, stored + here
    if not alone and _far_above(claimed, stored):
        yield in_file(
            ARRAY, f"its arrays are declared with {claimed:,} bytes, and {stored:,} are stored"
        )


def _members(contents: Contents) -> Iterator[Finding]:
    alone = False
    for member in contents.members:
        if _far_above(member.size, member.stored):
            alone = True
            yield in_file(
                MEMBER,
                f"{quoted(member.name)} takes {member.stored:,} bytes and unpacks to "
                f"{member.size:,}",
            )
    claimed = sum(member.size for member in contents.members)
    stored = sum(member.stored for member in contents.members)
    if not alone and _far_above(claimed, stored):
        yield in_file(MEMBER, f"its members take {stored:,} bytes and unpack to {claimed:,}")
