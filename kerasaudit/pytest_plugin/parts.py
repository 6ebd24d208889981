"""What each test of a model is about: every finding of an audit belongs to exactly one of them.

A layer's findings are its test's, a claim's are the claim's, a budget's are the budget's, and what
is left is the model's: its totals, its graph, what its file carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kerasaudit.finding import Finding
from kerasaudit.pytest_plugin.declared import DeclaredClaim
from kerasaudit.reconciliation.budget import Budget, judge_budgets
from kerasaudit.reconciliation.differences import Diff
from kerasaudit.reconciliation.policy import Policy
from kerasaudit.reconciliation.result import Audit, LayerRow
from kerasaudit.zoo import TOTAL

__all__ = [
    "BudgetPart",
    "ClaimPart",
    "LayerPart",
    "LayersPart",
    "LockPart",
    "ModelPart",
    "Part",
    "Verdict",
    "WholePart",
    "named_apart",
]

_CLAIMS = "KA2"  # what the codes of findings about claims begin with
_LOCKS = "KA51"
_RIGHT = ("ok", "erratum")  # the statuses of claims with nothing wrong
_BUDGETS = ("KA501", "KA502", "KA503", "KA504")
_WORDS = ("budgets", "claims", "file", "layers", "lock", "model")  # tests that no layer's is


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a part: nothing if there are no findings.

    `layers` are the rows that show it; `waived` is why it is not to be asked, `missing` why it
    cannot be, `drift` where the model parts from its lock.
    """

    findings: Sequence[Finding] = ()
    layers: Sequence[LayerRow] = ()
    waived: str | None = None
    missing: str | None = None
    drift: Diff | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A test of a model: its name, and where in the source it stands (`None`: not there)."""

    name: str
    line: int | None = field(default=None, kw_only=True)

    def judge(self, audit: Audit, policy: Policy) -> Verdict:
        """What is wrong with this part of an audited model."""
        raise NotImplementedError

    def several(self, audit: Audit) -> Sequence[Part]:
        """The parts that it is judged by one by one; by default there are none."""
        return ()


@dataclass(frozen=True, slots=True)
class LayerPart(Part):
    """One layer."""

    path: str

    def judge(self, audit: Audit, policy: Policy) -> Verdict:
        """What is wrong with the layer."""
        row = next((row for row in audit.layers if row.path == self.path), None)
        if row is None:
            there = ", ".join(row.path for row in audit.layers[:8])
            missing = f"the audited model has no layer {self.path!r}; it has {there}"
            return Verdict(missing=missing)
        waived = row.reason if row.status == "exempt" else None
        return Verdict(_of_layers(audit, {self.path}), (row,), waived=waived)


@dataclass(frozen=True, slots=True)
class LayersPart(Part):
    """All layers but those that have a test of their own."""

    others: frozenset[str]

    def judge(self, audit: Audit, policy: Policy) -> Verdict:
        """What is wrong with any of the layers."""
        paths = {row.path for row in audit.layers} - self.others
        found = _of_layers(audit, paths)
        wrong = {one.path for one in found}
        return Verdict(found, [row for row in audit.layers if row.path in wrong])

    def several(self, audit: Audit) -> Sequence[Part]:
        """A part for each of the layers that hold weights or have findings."""
        found = {one.path for one in audit.findings}
        rows = [row for row in audit.layers if row.path not in self.others]
        return [LayerPart(row.path, row.path) for row in rows if row.weights or row.path in found]


@dataclass(frozen=True, slots=True)
class ModelPart(Part):
    """What is about the model as a whole.

    `listed` are the layers that have tests; `None`: all of the layers are in some test.
    """

    listed: frozenset[str] | None

    def judge(self, audit: Audit, policy: Policy) -> Verdict:
        """What is wrong with the model that no other test is about."""
        rows = {row.path for row in audit.layers}
        elsewhere = rows if self.listed is None else rows & self.listed
        found = [one for one in _of_neither(audit) if one.path not in elsewhere]
        wrong = {one.path for one in found}
        return Verdict(found, [row for row in audit.layers if row.path in wrong])


@dataclass(frozen=True, slots=True)
class ClaimPart(Part):
    """One claim, or all of them."""

    declared: DeclaredClaim | None = None
    number: int | None = None

    def judge(self, audit: Audit, policy: Policy) -> Verdict:
        """What is wrong with the claim, or with any of the claims."""
        if self.number is None or self.declared is None:
            return Verdict(_of_claims(audit))
        row = audit.claims[self.number] if self.number < len(audit.claims) else None
        asked = (self.declared.subject, self.declared.quantity)
        if row is None or (row.subject, row.quantity) != asked:
            missing = f"the builder has no claim on {asked[0]!r} ({asked[1]}) in this place"
            return Verdict(missing=missing)
        return Verdict(_of_claim(audit, self.number))


@dataclass(frozen=True, slots=True)
class BudgetPart(Part):
    """One budget."""

    budget: Budget

    def judge(self, audit: Audit, policy: Policy) -> Verdict:
        """Where the budget is not kept."""
        _, found = judge_budgets([self.budget], audit.layers, audit.totals)
        over = {one.path for one in found if one.path != TOTAL}
        rows = [row for row in audit.layers if row.path in over]
        return Verdict(policy.graded(found), rows)

    @staticmethod
    def name_of(budget: Budget) -> str:
        """What the test of a budget is called."""
        of = budget.quantity if budget.layer is None else f"{budget.layer}-{budget.quantity}"
        return f"budgets[{of}]"


@dataclass(frozen=True, slots=True)
class LockPart(Part):
    """The lock of the model."""

    def judge(self, audit: Audit, policy: Policy) -> Verdict:
        """Where the model parts from its lock."""
        found = [one for one in audit.findings if one.code.startswith(_LOCKS)]
        return Verdict(found, drift=audit.drift)


@dataclass(frozen=True, slots=True)
class WholePart(Part):
    """All of a model at once."""

    def judge(self, audit: Audit, policy: Policy) -> Verdict:
        """Whatever is wrong with the model."""
        wrong = {one.path for one in audit.findings}
        rows = [row for row in audit.layers if row.path in wrong]
        return Verdict(audit.findings, rows, drift=audit.drift)


def _of_layers(audit: Audit, paths: set[str]) -> list[Finding]:
    return [one for one in _of_neither(audit) if one.path in paths]


def _of_neither(audit: Audit) -> list[Finding]:
    """The findings that are about neither claims nor budgets nor the lock."""
    of_claims = _of_claims(audit)
    return [
        one
        for one in audit.findings
        if one not in of_claims and one.code not in _BUDGETS and not one.code.startswith(_LOCKS)
    ]


def _of_claims(audit: Audit) -> list[Finding]:
    """The findings about claims: only a claim that is not right has any."""
    if not _wrong(audit):
        return []
    return [one for one in audit.findings if one.code.startswith(_CLAIMS)]


def _wrong(audit: Audit) -> list[int]:
    return [n for n, row in enumerate(audit.claims) if row.status not in _RIGHT]


def _of_claim(audit: Audit, number: int) -> list[Finding]:
    """The findings about one claim.

    They are in the order of the claims, and the first of each is what the claim's row says.
    """
    wrong = _wrong(audit)
    found: dict[int, list[Finding]] = {n: [] for n in wrong}
    place = -1
    for one in _of_claims(audit):
        following = wrong[place + 1 : place + 2]
        if following and audit.claims[following[0]].message == one.message:
            place += 1
        found[wrong[max(place, 0)]].append(one)
    return found.get(number, [])


def named_apart(parts: Sequence[Part]) -> list[Part]:
    """The parts under names that are each there once: what is there again is numbered.

    A layer that is named as another test is bears `layer[…]` around its name.

    >>> parts = [LayerPart("model", "model"), ModelPart("model", None), ClaimPart("claims[a]")]
    >>> [part.name for part in named_apart([*parts, ClaimPart("claims[a]")])]
    ['layer[model]', 'model', 'claims[a]', 'claims[a#2]']
    """
    taken: set[str] = set()
    named: list[Part] = []
    for part in parts:
        name = part.name
        if isinstance(part, LayerPart) and name.partition("[")[0] in _WORDS:
            name = f"layer[{name}]"
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name[:-1]}#{number}]" if name.endswith("]") else f"{name}#{number}"
        taken.add(unique)
        named.append(part if unique == part.name else replace(part, name=unique))
    return named
