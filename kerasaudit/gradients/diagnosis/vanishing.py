"""KA403 vanishing: a gradient that has faded away before it reaches a layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis, figure, shown
from kerasaudit.gradients.diagnosis.streaks import NEVER, Hysteresis
from kerasaudit.gradients.diagnosis.thresholds import at_least

if TYPE_CHECKING:
    import numpy as np

    from kerasaudit.gradients.diagnosis.figures import Figures

    Array = np.ndarray[Any, Any]

__all__ = ["Thresholds", "Vanishing"]

KIND = Kind(
    "KA403",
    "a gradient vanishes",
    "The gradient of a whole layer is next to nothing, though not zero: by itself, beside the "
    "other layers, or in the first layer beside the last one. Where it fades from layer to layer, "
    "one finding names the layer nearest to the output in which it is gone. A training that has "
    "converged, the last layer included, is not meant.",
    "The layer is not trained: it keeps the random weights that it was initialised with.",
    "a network of 40 sigmoid layers: the gradient is 1e-2 in the last layer and 1e-25 in the "
    "first; gone in 'dense_36' and the 35 layers before it.",
    "Use ReLU-like activations with an initialisation that fits (HeNormal), normalisation layers "
    "or residual connections.",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a layer's gradient has vanished. Weights whose kernels have one element are left out.

    Args:
        absolute: the layer's largest magnitude is below this (SageMaker Debugger, DeepDiagnosis:
            mean magnitude < 1e-7; a mean can cancel, the largest element cannot).
        relative: the layer's root mean square is below this share of the layers' median.
        ratio: the first layer's root mean square is below this share of the last one's
            (AutoTrainer: 1e-3), and
        ratio_absolute: is below this (AutoTrainer: 1e-4).
        exempt: layer classes left out of `relative` and `ratio`: an embedding's rows have a
            gradient only when they are looked up, and its mean says little.
        warmup: recorded steps left out at the beginning.
        k: of the last `n` recorded steps so many must show it.
        n: see `k`.
    """

    absolute: float = 1e-7
    relative: float = 1e-6
    ratio: float = 1e-3
    ratio_absolute: float = 1e-4
    exempt: tuple[str, ...] = ("Embedding",)
    warmup: int = 5
    k: int = at_least(1, 8)
    n: int = at_least(1, 10)


@diagnosis("vanishing", KIND, Thresholds)
class Vanishing(Watch[Thresholds]):
    """Watches the layers, and the network from its last layer to its first."""

    needs = ("max_abs", "l2")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        t, layers = self.thresholds, len(self.layout.layers)
        self._streak = Hysteresis(t.k, t.n, layers + 1)  # the last item is the network
        self._comparable = ~self.layout.exempt(t.exempt)
        self._alive = False
        self._first_loss: float | None = None
        self._evidence: dict[int, dict[str, float | int | str | None]] = {}
        self._faded: list[int] = []  # the layers that the network's finding speaks of

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        import numpy as np

        layers = np.flatnonzero(figures.weighty)
        if not len(layers):
            return
        rms = figures.rms
        held = np.zeros((len(figures), len(self.layout.layers) + 1), bool)
        held[:, layers] = self._absolute(figures, layers)
        compared = np.flatnonzero(figures.weighty & self._comparable)
        if len(compared) > 1:
            held[:, compared] |= self._relative(rms[:, compared])
            held[:, -1] = self._ratio(rms[:, compared])
        held &= figures.settled(self.thresholds.warmup)
        for item, row in self._streak.observe(figures.steps, held):
            if item == held.shape[1] - 1:
                self._confirm_network(figures, compared, row)
            else:
                self._confirm_layer(figures, compared, item, row)

    def findings(self) -> Iterable[GradientFinding]:
        """One for the network, and one for each layer that it does not speak of."""
        *layers, network = self._streak.began.tolist()
        if network != NEVER:
            yield self._of_network(network)
        for layer, began in enumerate(layers):
            if began != NEVER and (network == NEVER or layer not in self._faded):
                yield self._of_layer(layer, began)

    def _absolute(self, figures: Figures, layers: Array) -> Array:
        """Too small by itself, other than by convergence: bool (n, layers)."""
        import numpy as np

        top = figures.kernel_max[:, layers]
        small = (top < self.thresholds.absolute) & (top > 0)
        last = top[:, -1]
        alive = np.logical_or.accumulate(np.append(self._alive, last >= self.thresholds.absolute))
        self._alive = bool(alive[-1])
        # The last layer's gradient was there and has become as small: the training is done,
        # unless the loss is still as high as it was.
        done = (last < self.thresholds.absolute) & alive[1:] & ~self._loss_is_high(figures)
        return small & ~done[:, None]

    def _loss_is_high(self, figures: Figures) -> Array:
        """Whether the loss is known, and at least half of the first one: bool (n)."""
        import numpy as np

        loss = np.where(figures.block.loss_known, figures.block.loss, np.nan)
        known = np.flatnonzero(np.isfinite(loss))
        if self._first_loss is None and len(known):
            self._first_loss = float(loss[known[0]])
        first = np.nan if self._first_loss is None else self._first_loss
        return loss >= first / 2

    def _relative(self, rms: Array) -> Array:
        import numpy as np

        return (rms < self.thresholds.relative * _median(np.sort(rms, axis=1))) & (rms > 0)

    def _ratio(self, rms: Array) -> Array:
        """The first layer that has any gradient, beside the last one: bool (n)."""
        import numpy as np

        first = rms[range(len(rms)), (rms > 0).argmax(axis=1)]
        small = (first < self.thresholds.ratio * rms[:, -1]) & (first > 0)
        return small & (first < self.thresholds.ratio_absolute) & np.isfinite(rms[:, -1])

    def _confirm_layer(self, figures: Figures, compared: Array, layer: int, row: int) -> None:
        import numpy as np

        several = layer in compared and len(compared) > 1
        self._evidence[layer] = {
            "confirmed_at": int(figures.steps[row]),
            "max_abs": figure(figures.kernel_max[row, layer]),
            "rms": figure(figures.rms[row, layer]),
            "median_rms": figure(np.median(figures.rms[row, compared])) if several else None,
        }

    def _confirm_network(self, figures: Figures, compared: Array, row: int) -> None:
        import numpy as np

        t = self.thresholds
        rms = figures.rms[row, compared]
        faded = (rms < t.ratio * rms[-1]) & (rms < t.ratio_absolute)
        self._faded = compared[faded].tolist()
        first = rms[int((rms > 0).argmax())]
        edge = self._faded[-1]
        self._evidence[-1] = {
            "confirmed_at": int(figures.steps[row]),
            "rms": figure(figures.rms[row, edge]),
            "first_layer": self.layout.layers[compared[0]],
            "first_rms": figure(first),
            "last_layer": self.layout.layers[compared[-1]],
            "last_rms": figure(rms[-1]),
            "ratio": figure(first / rms[-1]),
            "layers_affected": len(self._faded),
            "layers_zero": int(np.sum(rms == 0)),
            "layers": len(compared),
        }

    def _of_network(self, began: int) -> GradientFinding:
        evidence, layer = self._evidence[-1], self._faded[-1]
        message = (
            f"from step {began} on, the gradient vanishes on its way back: root mean square "
            f"{shown(evidence['last_rms'])} in {evidence['last_layer']!r}, "
            f"{shown(evidence['rms'])} in {self.layout.layers[layer]!r}, "
            f"{shown(evidence['first_rms'])} in the first layer that it reaches "
            f"({evidence['layers_affected']} of {evidence['layers']} layers are affected)"
        )
        return self._report(message, layer, began, -1, evidence)

    def _of_layer(self, layer: int, began: int) -> GradientFinding:
        evidence = self._evidence[layer]
        message = (
            f"from step {began} on, the gradient of {self.layout.layers[layer]!r} is next to "
            f"nothing: its largest magnitude is {shown(evidence['max_abs'])}"
        )
        return self._report(message, layer, began, layer, evidence)

    def _report(
        self,
        message: str,
        layer: int,
        began: int,
        item: int,
        evidence: dict[str, float | int | str | None],
    ) -> GradientFinding:
        weights = self.layout.weights_of[layer]
        return self.finding(
            message,
            "Use ReLU-like activations with a fitting initialisation, normalisation layers or "
            "residual connections.",
            layer=layer,
            step=began,
            last_step=int(self._streak.last[item]),
            kernels=int(sum(self.layout.kernels[i] for i in weights if self.layout.weighty[i])),
            share=1.0,
            evidence=evidence,
        )


def _median(ordered: Array) -> Array:
    """The median along the last axis of sorted values, kept as an axis; NaN sorts to the end."""
    middle = ordered.shape[-1] // 2
    even = ordered.shape[-1] % 2 == 0
    upper: Array = ordered[..., middle : middle + 1]
    return (ordered[..., middle - 1 : middle] + upper) / 2 if even else upper
