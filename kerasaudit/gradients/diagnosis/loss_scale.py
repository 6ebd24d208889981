"""KA402 loss-scale-overflow: the loss scale overflows more often than finding its size takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.block import STEP_STATUSES
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis, figure
from kerasaudit.gradients.diagnosis.streaks import Hysteresis
from kerasaudit.gradients.diagnosis.thresholds import at_least

if TYPE_CHECKING:
    from kerasaudit.gradients.diagnosis.figures import Figures

__all__ = ["LossScaleOverflow", "Thresholds"]

KIND = Kind(
    "KA402",
    "the loss scale overflows and stays too large",
    "The scaled loss overflowed in most of the last recorded steps, or in every one since the "
    "start, and those were too many for a start or were all: each time the optimizer skipped the "
    "step.",
    "A training whose steps are skipped learns nothing, though it runs and reports a loss.",
    "40 of the last 50 steps overflowed; the loss scale is 1.",
    "A few overflows at the start are how a dynamic loss scale finds its size. Overflow that stays "
    "comes from an infinite or NaN gradient, whatever the scale: look for NaN in the data, lower "
    "the learning rate, or compute in bfloat16, which needs no scale.",
)
_OVERFLOW = STEP_STATUSES.index("overflow")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When overflow is no longer the start of mixed precision.

    Args:
        n: how many of the last recorded steps are looked at.
        k: so many of them have overflowed. 2 ** 15, where Keras's dynamic scale starts, is halved
            to 1 in 15 steps: 26 of 50 are more than any start takes.
        start: so many steps overflowed from the first one on, and no other was seen. After 15 the
            scale is 1, which cannot be too large: a sixteenth has another cause. Give more where
            the initial scale is larger. A training that is over without a single good step is
            reported however short it was.
    """

    n: int = at_least(1, 50)
    k: int = at_least(1, 26)
    start: int = at_least(1, 16)


@diagnosis("loss-scale-overflow", KIND, Thresholds)
class LossScaleOverflow(Watch[Thresholds]):
    """Watches the statuses of the steps."""

    statuses = STEP_STATUSES
    taps = ("raw", "clipped", "applied")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._streak = Hysteresis(self.thresholds.k, self.thresholds.n, 1)
        self._steps = 0
        self._overflows: list[int] = [0, -1, -1]  # how many, the first, the last
        self._scale: float | str | None = None
        self._over = False

    def end(self) -> None:
        """No step is to come."""
        self._over = True

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        import numpy as np

        held = figures.block.status == _OVERFLOW
        self._streak.observe(figures.steps, held[:, None])
        self._steps += len(figures)
        rows = np.flatnonzero(held)
        if len(rows):
            count, first, _ = self._overflows
            first = first if count else int(figures.steps[rows[0]])
            self._overflows = [count + len(rows), first, int(figures.steps[rows[-1]])]
            self._scale = figure(figures.block.loss_scale[rows[-1]])

    def findings(self) -> Iterable[GradientFinding]:
        """One finding, or nothing. "Every step" is taken back by the first good one."""
        count, first, last = self._overflows
        began = int(self._streak.began[0])
        enough = 1 if self._over else self.thresholds.start
        every = count == self._steps >= enough
        if began < 0 and not every:
            return
        message = (
            f"every one of the {count} recorded steps overflowed the loss scale and was skipped"
            if every
            else f"from step {began} on, at least {self.thresholds.k} of {self.thresholds.n} "
            f"recorded steps overflowed the loss scale and were skipped ({count} in all)"
        )
        yield self.finding(
            message,
            "Look for NaN or infinity in the data and the loss; lower the learning rate; or "
            "compute in bfloat16.",
            step=first if every else began,
            last_step=last,
            share=count / self._steps,
            evidence={"overflows": count, "steps": self._steps, "loss_scale": self._scale},
        )
