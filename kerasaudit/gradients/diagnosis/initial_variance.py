"""KA409 initial-variance: weights that start out as no initialisation for training leaves them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.block import STEP_STATUSES
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis, figure
from kerasaudit.gradients.inventory import WeightEntry

if TYPE_CHECKING:
    import numpy as np

    from kerasaudit.gradients.diagnosis.figures import Figures

    Array = np.ndarray[Any, Any]

__all__ = ["InitialVariance", "Thresholds", "fans"]

KIND = Kind(
    "KA409",
    "weights are initialised badly",
    "Before step 0, a weight with kernels of several elements is all zero, or its variance within "
    "the kernels is out of range: below what its fans ask for, or very large. Resumed trainings "
    "are not judged.",
    "Zeros and constants leave all units alike; too small or too large a variance makes signals "
    "and gradients vanish or explode from layer to layer.",
    "'dense/kernel' is all zero (kernel_initializer='zeros').",
    "Use the layer's default initializer, or HeNormal in front of a ReLU. A weight that is zero on "
    "purpose (the last layer of a residual branch) can be named in the threshold exempt.",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a weight counts as badly initialised. Kernels of one element are left out.

    Args:
        low: its variance is below this (DeepDiagnosis: 1e-5), and
        low_of_fans: times half the sum of its fans, below this. Glorot's initializers make that
            product 1, He's and LeCun's at least a half. Very wide layers have a variance below
            `low` by right.
        high: its variance is above this (DeepDiagnosis: 10).
        zero: whether a weight that is all zero is reported.
        exempt: names of weights ("lora_kernel_b") or paths ("head/kernel") that are left out.
            The second factor of a LoRA pair starts from zero by design.
    """

    low: float = 1e-5
    low_of_fans: float = 1e-3
    high: float = 10.0
    zero: bool = True
    exempt: tuple[str, ...] = ("lora_kernel_b", "lora_embeddings_b")


_ROUND_OFF = 1e-12  # what is left of the variance of a constant in float32


@diagnosis("initial-variance", KIND, Thresholds)
class InitialVariance(Watch[Thresholds]):
    """Looks at the first recorded step, if that is step 0."""

    needs = ("weight_std", "weight_l2")
    optional = needs
    statuses = STEP_STATUSES  # weights are what they are, whatever became of the step
    taps = ("raw", "clipped", "applied")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._found: list[GradientFinding] = []

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        if figures.first or figures.steps[0] != 0:
            return
        for weight, entry in enumerate(self.layout.entries):
            leave = not self.layout.weighty[weight] or not figures.present[weight]
            if not (leave or {entry.weight, entry.path} & set(self.thresholds.exempt)):
                self._found.extend(self._judge(figures, weight, entry))

    def findings(self) -> Iterable[GradientFinding]:
        """One for each weight."""
        return self._found

    def _judge(
        self, figures: Figures, weight: int, entry: WeightEntry
    ) -> Iterable[GradientFinding]:
        norms, deviations = (self._first(figures, name, weight) for name in self.needs[::-1])
        variance = None if deviations is None else float((deviations**2).mean())
        evidence = {
            "variance": None if variance is None else figure(variance),
            "largest_l2": None if norms is None else figure(norms.max()),
            "fan_in": fans(entry.shape)[0],
            "fan_out": fans(entry.shape)[1],
        }
        reason = self._reason(norms, variance, entry)
        if reason is None:
            return
        yield self.finding(
            f"{entry.path!r} {reason} before step 0",
            "Use the layer's default initializer, or HeNormal in front of a ReLU.",
            layer=entry.layer,
            weight=entry.weight,
            step=0,
            last_step=0,
            kernels=entry.kernels,
            share=1.0,
            evidence=evidence,
        )

    def _first(self, figures: Figures, statistic: str, weight: int) -> Array | None:
        import numpy as np

        if statistic not in figures.statistics:
            return None
        place = self.layout.ranges[weight]
        return figures.of(statistic)[0, place].astype(np.float64)

    def _reason(
        self, norms: Array | None, variance: float | None, entry: WeightEntry
    ) -> str | None:
        t = self.thresholds
        if norms is not None and not norms.any():
            return "is all zero" if t.zero else None
        if variance is None:
            return None
        if variance > t.high:
            return f"has a variance of {variance:.3g}"
        of_fans = variance * sum(fans(entry.shape)) / 2
        if variance < t.low and of_fans < t.low_of_fans:
            if variance < _ROUND_OFF:
                return "is constant within its kernels"
            return f"has a variance of {variance:.3g}, for its fans {of_fans:.3g} of Glorot's"
        return None


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """The fan-in and fan-out of a weight, as Keras's initializers take them.

    >>> fans((3, 3, 32, 64)), fans((784, 10)), fans((7,))
    ((288, 576), (784, 10), (7, 7))
    """
    if len(shape) < 2:
        return (math.prod(shape), math.prod(shape))
    window = math.prod(shape[:-2])
    return (shape[-2] * window, shape[-1] * window)
