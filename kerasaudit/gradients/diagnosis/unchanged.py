"""KA406 unchanged: kernels that have a gradient and stay as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis, shown
from kerasaudit.gradients.diagnosis.streaks import NEVER, Runs, neighbours
from kerasaudit.gradients.diagnosis.thresholds import at_least

if TYPE_CHECKING:
    from kerasaudit.gradients.diagnosis.figures import Figures

__all__ = ["Thresholds", "Unchanged"]

KIND = Kind(
    "KA406",
    "kernels have a gradient and do not change",
    "The update of a kernel is exactly zero over many recorded steps in a row, though its gradient "
    "is not. Neighbouring layers of which that is so from about the same step on are one finding. "
    "Micro-steps of gradient accumulation, which update nothing, are left out.",
    "The kernel is not trained: the learning rate is 0, a constraint holds it, or each update is "
    "below what its dtype can resolve.",
    "'dense/kernel': update 0 over 10 steps with a gradient of 0.02; the learning rate is 0.",
    "Look at the learning rate and its schedule, at constraints, and at the dtype of the variable.",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a kernel counts as unchanged.

    Args:
        steps: its update is exactly 0 on so many recorded steps in a row (SageMaker Debugger
            compares 3 steps, DeepLocalize 5; schedules that start from 0 ask for more).
    """

    steps: int = at_least(1, 10)


@diagnosis("unchanged", KIND, Thresholds)
class Unchanged(Watch[Thresholds]):
    """Watches the kernels. A layer's are told from its kernels of several elements, if it has any.

    A bias alone may well stay as it is: in front of a batch normalisation its gradient is
    round-off.
    """

    needs = ("update_l2", "l2")
    statuses = ("ok",)
    taps = ("raw", "clipped", "applied")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._runs = Runs(self.thresholds.steps, int(self.layout.kernels.sum()))
        self._seen = [False] * len(self.layout.layers)
        self._rates: list[float | None] = []  # of the step that confirmed the first, once known

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        import numpy as np

        held = (figures.of("update_l2") == 0) & (figures.of("l2") > 0)
        confirmed = self._runs.observe(figures.steps, held)
        self._seen = (figures.has_gradient | self._seen).tolist()
        if confirmed and not self._rates:
            row = min(row for _, row in confirmed)
            rate = float(figures.block.learning_rate[row])
            self._rates.append(rate if np.isfinite(rate) else None)

    def findings(self) -> Iterable[GradientFinding]:
        """One for neighbouring layers that stopped changing together."""
        if not (self._runs.began != NEVER).any():
            return
        seen = [i for i, seen in enumerate(self._seen) if seen]
        found = {layer: units for layer in seen if (units := self._units(layer))}
        # A scale or slope that moves is no neighbour: only a layer with kernels of its own is.
        layers = [i for i in seen if i in found or self._is_weighty(i)]
        began = {layer: self._step(units) for layer, units in found.items()}
        for group in neighbours(layers, began, self.thresholds.steps * self.stream.every):
            yield self._report(group, found, everything=len(group) == len(layers) > 1)

    def _is_weighty(self, layer: int) -> bool:
        return any(self.layout.weighty[i] for i in self.layout.weights_of[layer])

    def _step(self, units: dict[int, Any]) -> int:
        return min(int(self._began(i)[kernels].min()) for i, kernels in units.items())

    def _units(self, layer: int) -> dict[int, Any]:
        """The unchanged kernels by weight, of the weights that the layer is judged by."""
        import numpy as np

        weights = self.layout.weights_of[layer]
        judged = [i for i in weights if self.layout.weighty[i]] or list(weights)
        units = {i: np.flatnonzero(self._began(i) != NEVER) for i in judged}
        whole = all(len(units[i]) == self.layout.kernels[i] for i in judged)
        if not self.layout.weighty[judged[0]] and not whole:
            return {}
        return {i: found for i, found in units.items() if len(found)}

    def _began(self, weight: int) -> Any:
        return self._runs.began[self.layout.ranges[weight]]

    def _report(
        self, group: list[int], found: dict[int, dict[int, Any]], *, everything: bool
    ) -> GradientFinding:
        layer = group[-1]
        units, step = found[layer], self._step(found[layer])
        main = max(units, key=lambda i: len(units[i]))
        entry, kernels = self.layout.entries[main], units[main]
        one = len(kernels) == 1
        which = f"kernel {kernels[0]}" if one else f"{len(kernels)} of {entry.kernels} kernels"
        what = f"{which} of {entry.path!r} do{'es' * one} not change"
        if everything:
            what = "no layer changes"
        elif len(group) > 1:
            what += f" (nor do kernels of the {len(group) - 1} layers before it)"
        return self.finding(
            f"from step {step} on, {what}, though the gradient is not zero{self._of_rate()}",
            "Look at the learning rate and its schedule, at constraints, and at the dtype: an "
            "update may be below its resolution.",
            layer=None if everything else layer,
            weight=None if everything else entry.weight,
            step=step,
            last_step=self._last([i for member in group for i in found[member]]),
            kernel=int(kernels[0]) if one and not everything else None,
            kernels=None if everything else len(kernels),
            share=None if everything else len(kernels) / entry.kernels,
            evidence={
                "update_l2": 0.0,
                "learning_rate": self._rates[0],
                "kernels": ", ".join(map(str, kernels[:8].tolist())),
                "layers_affected": len(group),
                "layers": sum(self._seen),
                "first_layer": self.layout.layers[group[0]],
                "last_layer": self.layout.layers[group[-1]],
            },
        )

    def _last(self, weights: list[int]) -> int:
        return max(int(self._runs.last[self.layout.ranges[i]].max()) for i in weights)

    def _of_rate(self) -> str:
        rate = self._rates[0]
        return "" if rate is None else f"; the learning rate is {shown(rate)}"
