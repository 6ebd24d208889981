"""The result of a gradient check: immutable, a row for each kernel and for each probe."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from kerasaudit.errors import AuditError, ConfigError
from kerasaudit.finding import Finding

if TYPE_CHECKING:
    import pandas

__all__ = ["GradientCheck", "KernelRow", "ProbeRow", "WeightRow"]


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One weight, or one input of a layer that is checked by itself ("(input)").

    `derived` and `tape` are the L2 norms of the gradients, `difference` the largest difference of
    an element and `tolerance` what is allowed. `status`: "ok", "kink" (they differ where the loss
    has a corner, or where rounding decides which side of one it is on), "wrong", "unchecked".
    """

    layer: str
    weight: str
    path: str | None
    dtype: str
    elements: int
    derived: float | None
    tape: float | None
    difference: float | None
    tolerance: float
    probes: int
    status: str


@dataclass(frozen=True, slots=True)
class KernelRow:
    """One kernel: the slice of a weight along its unit axis; figures as of a weight."""

    layer: str
    weight: str
    kernel: int
    elements: int
    derived: float | None
    tape: float | None
    difference: float | None
    tolerance: float
    status: str


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One finite difference: the slope of the loss in one direction.

    `kernel` is the one that the direction lies in, `None` for one through the whole weight.
    `element` is the index of the element that alone is moved, or `None`. `difference` is
    (L(w + hd) − L(w − hd)) / 2h, `derived` and `tape` the products of the gradients with d.
    """

    layer: str
    weight: str
    kernel: int | None
    element: str | None
    step: float
    difference: float
    derived: float | None
    tape: float | None
    tolerance: float
    status: str


_TABLES = {"weights": WeightRow, "kernels": KernelRow, "probes": ProbeRow}


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """Derived gradients, the tape's, and finite differences, reconciled.

    `differences` says what the finite differences were taken of: "model" (a copy of it in float64),
    "derivation" (the derived forward pass), or `None`. `reason` says why nothing is derived.
    """

    name: str
    weights: tuple[WeightRow, ...]
    kernels: tuple[KernelRow, ...]
    probes: tuple[ProbeRow, ...]
    findings: tuple[Finding, ...]
    loss: float
    differences: str | None
    reason: str | None = None

    @property
    def ok(self) -> bool:
        """Whether everything was checked and nothing is wrong."""
        return not self.findings

    def to_frame(self, table: str = "weights") -> pandas.DataFrame:
        """One of the tables: "weights", "kernels", "probes" or "findings"."""
        import pandas

        if table == "findings":
            columns = [field.name for field in fields(Finding)]
            rows: tuple[object, ...] = self.findings
        elif table in _TABLES:
            columns = [field.name for field in fields(_TABLES[table])]
            rows = getattr(self, table)
        else:
            known = ", ".join([*_TABLES, "findings"])
            raise ConfigError(f"table: expected one of {known}, received {table!r}")
        return pandas.DataFrame([[getattr(r, c) for c in columns] for r in rows], columns=columns)

    def raise_if_failed(self) -> None:
        """Raise `AuditError` with a line per finding, if there is any."""
        if self.findings:
            raise AuditError([f"{one.code} {one.path}: {one.message}" for one in self.findings])
