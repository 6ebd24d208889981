"""KA407 update-ratio: updates out of proportion to the weights that they change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis, figure, shown
from kerasaudit.gradients.diagnosis.streaks import Hysteresis, outbreaks
from kerasaudit.gradients.diagnosis.thresholds import at_least

if TYPE_CHECKING:
    import numpy as np

    from kerasaudit.gradients.diagnosis.figures import Figures

    Array = np.ndarray[Any, Any]

__all__ = ["Thresholds", "UpdateRatio"]

KIND = Kind(
    "KA407",
    "updates are out of proportion to the weights",
    "The ratio of the real update's norm to the weight's is out of range in most kernels of a "
    "layer. Kernels that are zero and those of one element are left out, and those that do not "
    "change at all are KA406's. Layers that leave the range at about "
    "the same time are one finding, which names the first.",
    "Updates that large throw away what was learned; updates that small learn nothing. About 1e-3 "
    "a step is usual.",
    "'conv2d': in 32 of 32 kernels the update is more than 0.1 of the weight, by the median 4.2.",
    "Divide or multiply the learning rate by the factor that is missing; look at its schedule.",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When updates are out of proportion: of the median kernel of a layer, per step.

    Args:
        high: the update is above this share of the weight (DeepDiagnosis: 1e-1).
        low: it is below this (SageMaker Debugger: 1e-8; DeepDiagnosis: 1e-5).
        extreme: a single step above this is enough, warm-up or not: it replaces the weight. Not
            applied to kernels that were zero at first, which any update multiplies. (SageMaker
            Debugger: 10.)
        warmup: recorded steps left out at the beginning: kernels that start from zero change by
            half, a third, a quarter, and adaptive optimizers begin with their largest steps.
        k: of the last `n` recorded steps so many must show it.
        n: see `k`.
    """

    high: float = 1e-1
    low: float = 1e-8
    extreme: float = 3.0
    warmup: int = 10
    k: int = at_least(1, 8)
    n: int = at_least(1, 10)


@diagnosis("update-ratio", KIND, Thresholds)
class UpdateRatio(Watch[Thresholds]):
    """Watches the layers, each by the median of its kernels."""

    needs = ("update_ratio",)
    statuses = ("ok",)
    taps = ("raw", "clipped", "applied")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        t, layers = self.thresholds, len(self.layout.layers)
        self._streaks = {
            "high": Hysteresis(t.k, t.n, layers),
            "low": Hysteresis(t.k, t.n, layers),
            "extreme": Hysteresis(1, 1, layers),
        }
        self._weighty = self.layout.over_kernels(self.layout.weighty)
        self._started: Array | None = None  # kernels that were not zero at first
        self._found: dict[tuple[str, int], dict[str, Any]] = {}
        self._layers = 0

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        import numpy as np

        t, ratio = self.thresholds, figures.of("update_ratio")
        self._layers = max(self._layers, int(figures.weighty.sum()))
        judged = (ratio > 0) & np.isfinite(ratio) & self._weighty
        if self._started is None:
            self._started = judged[0]
        settled = figures.settled(t.warmup)
        self._confirm(figures, "high", ratio > t.high, judged, settled)
        self._confirm(figures, "low", ratio < t.low, judged, settled)
        self._confirm(figures, "extreme", ratio > t.extreme, judged & self._started, True)

    def findings(self) -> Iterable[GradientFinding]:
        """One for the layers that leave a side at about the same time."""
        for reasons in (("extreme", "high"), ("low",)):
            first = self._first_reasons(reasons)
            began = {layer: self._began(reason, layer) for layer, reason in first.items()}
            for layers in outbreaks(began, self.thresholds.n * self.stream.every):
                yield self._report(first, layers)

    def _first_reasons(self, reasons: tuple[str, ...]) -> dict[int, str]:
        """The layers found for one of `reasons`, each with the one that began first."""
        layers = {layer for reason, layer in self._found if reason in reasons}
        return {
            layer: min(
                (reason for reason in reasons if (reason, layer) in self._found),
                key=lambda reason: self._began(reason, layer),
            )
            for layer in sorted(layers)
        }

    def _began(self, reason: str, layer: int) -> int:
        return int(self._streaks[reason].began[layer])

    def _confirm(
        self, figures: Figures, reason: str, beyond: Array, judged: Array, settled: Array | bool
    ) -> None:
        import numpy as np

        beyond = beyond & judged
        held = np.zeros((len(figures), len(self.layout.layers)), bool)
        if beyond.any():  # of a healthy training, none is
            held = 2 * self._count(beyond) > self._count(judged)
        for layer, row in self._streaks[reason].observe(figures.steps, held & settled):
            self._found[reason, layer] = self._confirmed(figures, layer, row, beyond, judged)

    def _count(self, kernels: Array) -> Array:
        """How many kernels of each layer: (n, L)."""
        import numpy as np

        return self.layout.by_layer(np.add, self.layout.by_weight(np.add, kernels, np.int32))

    def _confirmed(
        self, figures: Figures, layer: int, row: int, beyond: Array, judged: Array
    ) -> dict[str, Any]:
        import numpy as np

        here = np.concatenate([np.r_[self.layout.ranges[i]] for i in self.layout.weights_of[layer]])
        of_layer = judged[row, here]
        ratios = figures.of("update_ratio")[row, here][of_layer]
        rate = figures.block.learning_rate[row]
        kernels = int(beyond[row, here].sum())
        return {
            "kernels": kernels,
            "share": kernels / len(ratios),
            "evidence": {
                "confirmed_at": int(figures.steps[row]),
                "median": figure(np.median(ratios)),
                "largest": figure(ratios.max()),
                "smallest": figure(ratios.min()),
                "learning_rate": None if np.isnan(rate) else figure(rate),
            },
        }

    def _report(self, reasons: dict[int, str], layers: list[int]) -> GradientFinding:
        layer = layers[0]
        reason = reasons[layer]
        found, bound = self._found[reason, layer], getattr(self.thresholds, reason)
        began = self._began(reason, layer)
        evidence = {
            **found["evidence"],
            "bound": bound,
            "layers_affected": len(layers),
            "layers": self._layers,
        }
        side, act = ("below", "Raise") if reason == "low" else ("above", "Lower")
        others = f" (the first of {len(layers)} layers)" if len(layers) > 1 else ""
        when = f"at step {began}" if reason == "extreme" else f"from step {began} on"
        return self.finding(
            f"{when}, the update of {self.layout.layers[layer]!r}{others} is {side} {bound:g} "
            f"times its weight: {shown(evidence['median'])} times in the median kernel",
            f"{act} the learning rate; an update of about 1e-3 of the weight is usual.",
            layer=layer,
            step=began,
            last_step=max(int(self._streaks[reasons[i]].last[i]) for i in layers),
            kernels=found["kernels"],
            share=found["share"],
            evidence=evidence,
        )
