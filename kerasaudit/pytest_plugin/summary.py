"""The last lines of a run: which models were audited, and how much of them was derived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kerasaudit.pytest_plugin.records import Record
from kerasaudit.report.wording import printable, share

__all__ = ["lines"]

_MOST = 10  # layers of one kind that are listed
_STATUSES = (
    ("ok", "ok"),
    ("findings", "with findings"),
    ("incomplete", "incomplete"),
)


def lines(records: Iterable[Record], locks: Mapping[str, str]) -> Iterator[str]:
    r"""What was audited, and what became of locks, in lines.

    >>> print("\n".join(lines([
    ...     Record("a.keras", "ok", 320, 320),
    ...     Record("b.keras", "incomplete", 60, 80, unsupported=("scale (Scale)",)),
    ...     Record("c.keras", "failed", 0, None),
    ... ], {"audits/a.keras.json": "changed"})))
    2 models audited: 1 ok, 1 incomplete; 1 could not be
    parameters derived: 380 of 400 (95 %)
    unsupported: b.keras: scale (Scale)
    locks: 1 changed
    changed: audits/a.keras.json
    """
    every = sorted(records, key=lambda record: record.target)
    audited = [record for record in every if record.status != "failed"]
    if every:
        yield _tally(audited, len(every) - len(audited))
    if audited:
        yield from _coverage(audited)
    yield from _listed("unsupported", ((one.target, one.unsupported) for one in audited))
    yield from _listed("exempt", ((one.target, one.exempt) for one in audited))
    yield from _listed("warning", ((one.target, one.warnings) for one in audited))
    yield from _locks(locks)


def _tally(audited: list[Record], failed: int) -> str:
    statuses = [record.status for record in audited]
    parts = [
        f"{statuses.count(status)} {words}" for status, words in _STATUSES if status in statuses
    ]
    noun = "model" if len(audited) == 1 else "models"
    told = f": {', '.join(parts)}" if parts else ""
    return f"{len(audited)} {noun} audited{told}" + (f"; {failed} could not be" if failed else "")


def _coverage(audited: list[Record]) -> Iterator[str]:
    known = [(record.derived, record.whole) for record in audited if record.whole is not None]
    if known:
        derived, whole = sum(one for one, _ in known), sum(one for _, one in known)
        part = f" ({share(derived / whole)})" if whole else ""
        yield f"parameters derived: {derived:,} of {whole:,}{part}"
    unknown = len(audited) - len(known)
    if unknown:
        noun = "model" if unknown == 1 else "models"
        yield f"of {unknown} {noun} it is not known how many parameters there are"


def _locks(locks: Mapping[str, str]) -> Iterator[str]:
    kinds = sorted(set(locks.values()))
    if kinds:
        tally = ", ".join(f"{list(locks.values()).count(kind)} {kind}" for kind in kinds)
        yield f"locks: {tally}"
    written = sorted((kind, file) for file, kind in locks.items() if kind != "unchanged")
    yield from (f"{kind}: {printable(file)}" for kind, file in written[:_MOST])
    if len(written) > _MOST:
        yield f"and {len(written) - _MOST} locks more"


def _listed(kind: str, found: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    every = [f"{kind}: {printable(target)}: {printable(one)}" for target, of in found for one in of]
    yield from every[:_MOST]
    if len(every) > _MOST:
        yield f"{kind}: and {len(every) - _MOST} more"
