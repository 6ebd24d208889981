"""KA410 no-gradient: trainable weights that the loss does not reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis
from kerasaudit.gradients.inventory import STATUSES, WeightEntry

if TYPE_CHECKING:
    from kerasaudit.gradients.diagnosis.figures import Figures

__all__ = ["NoGradient", "Thresholds"]

KIND = Kind(
    "KA410",
    "a trainable weight has no gradient",
    "The gradient of the weight is None in every recorded step of every optimizer: the loss does "
    "not depend on it, or no optimizer was given it. (A gradient that is zero is KA405's.)",
    "The weight is counted as trainable and is never trained.",
    "'side/dense': no gradient: the loss does not depend on it.",
    "Connect the branch to an output that has a loss, give the weight to an optimizer, or freeze "
    "the layer so that the count of trainable parameters is true.",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What else is reported.

    Args:
        frozen: report weights that are not trainable, too. They are listed in the inventory
            anyway, and usually frozen on purpose.
    """

    frozen: bool = False


@diagnosis("no-gradient", KIND, Thresholds)
class NoGradient(Watch[Thresholds]):
    """Watches which weights are present, over the streams of all optimizers."""

    statuses = ("ok", "overflow", "accumulated")
    taps = ("raw", "clipped", "applied")
    whole = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._present: Any = None

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        before = False if self._present is None else self._present
        self._present = figures.present | before

    def findings(self) -> Iterable[GradientFinding]:
        """One for each layer and reason."""
        reported = {"disconnected", "unused"} | ({"frozen"} if self.thresholds.frozen else set())
        absent = self._absent()
        groups: dict[tuple[str, str], list[WeightEntry]] = {}
        for entry in self.layout.inventory.weights:
            status = "disconnected" if entry.path in absent else entry.status
            if status in reported:
                groups.setdefault((entry.layer, status), []).append(entry)
        for (layer, status), entries in groups.items():
            yield self._report(layer, status, entries)

    def _absent(self) -> set[str]:
        """The paths of the recorded weights that no block had a gradient of."""
        if self._present is None:
            return set()
        entries = zip(self.layout.entries, self._present, strict=True)
        return {entry.path for entry, present in entries if not present}

    def _report(self, layer: str, status: str, entries: list[WeightEntry]) -> GradientFinding:
        total = sum(e.kernels for e in self.layout.inventory.weights if e.layer == layer)
        kernels = sum(entry.kernels for entry in entries)
        names = ", ".join(entry.weight for entry in entries)
        return self.finding(
            f"{layer!r} ({names}) has no gradient: {STATUSES[status]}",
            "Make its layer trainable if it is to be trained."
            if status == "frozen"
            else "Connect it to a loss, give it to an optimizer, or freeze it.",
            layer=layer,
            weight=entries[0].weight if len(entries) == 1 else None,
            kernels=kernels,
            share=kernels / total,
            evidence={"status": status, "weights": names},
        )
