"""KA401 non-finite: a gradient that is NaN or infinite on a step that the optimizer took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import (
    Evidence,
    GradientFinding,
    Watch,
    diagnosis,
    figure,
    shown,
)

if TYPE_CHECKING:
    import numpy as np

    from kerasaudit.gradients.diagnosis.figures import Figures

    Array = np.ndarray[Any, Any]

__all__ = ["NonFinite", "Thresholds"]

KIND = Kind(
    "KA401",
    "a gradient is not finite",
    "A gradient holds NaN or infinity on a step that the optimizer took. Named is the first such "
    "step and, of the layers affected on it, the one that backpropagation meets first. Steps that "
    "a loss scale skipped are KA402's.",
    "The update writes NaN into the weights, and no later step can mend them.",
    "step 12: the gradient of 'head/kernel' is nan, the first of 4 layers; the loss is nan, too.",
    "If the loss is NaN too, look at that batch and at what the loss takes a logarithm or a root "
    "of, or divides by. If the loss is finite, look at the named layer's own computation.",
)

# Any one statistic shows it; these two also say how large the gradient was elsewhere.
_SHOWN_BY = "l2|max_abs|mean|std|min|max|mean_abs"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """None: one element of one step is enough. Common to all published tools (AutoTrainer)."""


@diagnosis("non-finite", KIND, Thresholds)
class NonFinite(Watch[Thresholds]):
    """Watches for the first step with a gradient that is not finite."""

    needs = (_SHOWN_BY,)
    taps = ("raw", "clipped", "applied")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._found: GradientFinding | None = None
        self._last: int | None = None
        self._loss_before: float | str | None = None

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        import numpy as np

        bad = self._bad_weights(figures)
        rows = np.flatnonzero(bad.any(axis=1))
        if len(rows):
            self._last = int(figures.steps[rows[-1]])
            if self._found is None:
                self._found = self._first(figures, int(rows[0]), bad[rows[0]])
        self._loss_before = _loss(figures, len(figures) - 1)

    def findings(self) -> Iterable[GradientFinding]:
        """The first step, or nothing."""
        from dataclasses import replace

        return () if self._found is None else (replace(self._found, last_step=self._last),)

    def _shown_by(self, figures: Figures) -> list[str]:
        recorded = [name for name in _SHOWN_BY.split("|") if name in figures.statistics]
        both = [name for name in recorded if name in ("l2", "max_abs")]
        return both or recorded[:1]

    def _bad_weights(self, figures: Figures) -> Array:
        """Which weights are not finite: bool (n, W)."""
        import numpy as np

        bad = np.zeros((len(figures), len(self.layout.entries)), bool)
        for name in self._shown_by(figures):
            # Sums and maxima hand NaN and infinity on, so that weights show what kernels have.
            if name == "max_abs":
                values = figures.weight_max
            elif name == "l2":
                values = figures.weight_square
            else:
                values = self.layout.by_weight(np.add, figures.of(name), np.float64)
            bad |= ~np.isfinite(values)
        found: Array = bad & figures.present
        return found

    def _first(self, figures: Figures, row: int, bad: Array) -> GradientFinding:
        import numpy as np

        layers = np.unique(self.layout.layer_of[bad])
        layer = int(layers[-1])
        weight = next(i for i in self.layout.weights_of[layer] if bad[i])
        entry, place = self.layout.entries[weight], self.layout.ranges[weight]
        names = self._shown_by(figures)
        values = {name: figures.of(name)[row, place] for name in names}
        kernels = np.flatnonzero(~np.isfinite([*values.values()]).all(axis=0))
        loss = _loss(figures, row)
        before = _loss(figures, row - 1) if row else self._loss_before
        total = int(figures.has_gradient.sum())
        evidence: dict[str, float | int | str | None] = {
            **{name: figure(values[name][kernels[0]]) for name in names},
            "layers_affected": len(layers),
            "layers": total,
            "kernels": ", ".join(map(str, kernels[:8].tolist())),
            "loss": loss,
            "loss_before": before,
        }
        step, one = int(figures.steps[row]), len(kernels) == 1
        which = f"kernel {kernels[0]}" if one else f"{len(kernels)} of {entry.kernels} kernels"
        message = (
            f"step {step}: the gradient of {entry.path!r} is not finite ({which}), the first in "
            f"backward order of {len(layers)} of {total} layers{_of_loss(loss, before)}"
        )
        return self.finding(
            message,
            _advice(evidence),
            layer=layer,
            weight=entry.weight,
            step=step,
            kernel=int(kernels[0]) if one else None,
            kernels=len(kernels),
            share=len(kernels) / entry.kernels,
            evidence=evidence,
        )


def _loss(figures: Figures, row: int) -> float | str | None:
    block = figures.block
    return figure(block.loss[row]) if block.loss_known[row] else None


def _of_loss(loss: float | str | None, before: float | str | None) -> str:
    if isinstance(loss, str):
        return f"; the loss of the step is {loss}"
    if isinstance(before, str):
        return f"; the loss of the step before is {before}"
    return "" if loss is None else f"; the loss of the step is finite ({shown(loss)})"


def _advice(evidence: Evidence) -> str:
    loss, before = evidence["loss"], evidence["loss_before"]
    if isinstance(loss, str) or isinstance(before, str):
        return (
            "Look at the batch of this step for NaN or extreme values, and at what the loss takes "
            "a logarithm or a root of, or divides by; then lower the learning rate or clip."
        )
    return (
        "Look at what the layer computes (a root of 0, a division by 0, an overflow), and at the "
        "batch of this step: a ReLU hides NaN from the loss."
    )
