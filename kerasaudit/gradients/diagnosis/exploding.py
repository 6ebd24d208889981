"""KA404 exploding: a gradient that has grown out of all proportion."""

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

__all__ = ["Exploding", "Thresholds"]

KIND = Kind(
    "KA404",
    "a gradient explodes",
    "The gradient of a layer is very large: by itself, beside what it was in its first recorded "
    "step or in the steps before, or in the first layer beside the last one. Sizes are root mean "
    "squares over the elements of a layer, so that layers of any size compare. Layers that explode "
    "at about the same time are one finding, which names the first.",
    "Each update overshoots; the loss rises or jumps, and ends in NaN.",
    "'dense_1': root mean square 4,000, which was 0.02 in the first step.",
    "Lower the learning rate, clip gradients (global_clipnorm), scale inputs and targets, or use "
    "normalisation layers.",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a layer's gradient has exploded. Weights whose kernels have one element are left out.

    Args:
        absolute: the layer's root mean square is above this. Losses that are means over targets
            of unit size give 1e-4 to 1 per element; a thousand times that is beyond any.
        growth: it is above so many times that of its first recorded step.
        extreme: the same for a single step, which is enough: no batch of the data that the first
            was of is a thousand times harder, and a few such updates kill the ReLUs, after which
            all gradients are zero.
        spike: it is above so many times its median over the last `window` recorded steps.
        window: see `spike`; at least 10 of them must have been seen.
        ratio: the first layer's is above so many times the last one's (AutoTrainer: 70).
        floor: the last four count only for a root mean square above this. A gradient that grows
            from next to nothing, as on leaving a plateau, is healthy; so is a first convolution,
            which sums over many positions, beside a small last layer.
        warmup: recorded steps left out at the beginning.
        k: of the last `n` recorded steps so many must show it (all but `extreme`). One bad batch
            is not enough.
        n: see `k`.
    """

    absolute: float = 1e3
    growth: float = 100.0
    extreme: float = 1e3
    spike: float = 100.0
    window: int = at_least(10, 50)
    ratio: float = 70.0
    floor: float = 1.0
    warmup: int = 0
    k: int = at_least(1, 3)
    n: int = at_least(1, 10)


_ENOUGH = 10  # steps, for a median to mean something


@diagnosis("exploding", KIND, Thresholds)
class Exploding(Watch[Thresholds]):
    """Watches the layers."""

    needs = ("l2",)

    def __init__(self, *args: Any) -> None:
        import numpy as np

        super().__init__(*args)
        t, layers = self.thresholds, len(self.layout.layers)
        self._streaks = {"": Hysteresis(t.k, t.n, layers), "extreme": Hysteresis(1, 1, layers)}
        self._first = np.full(layers, np.nan)
        self._before = np.full((t.window, layers), np.nan)
        self._found: dict[tuple[str, int], dict[str, Any]] = {}
        self._layers = 0

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        import numpy as np

        rms = figures.rms
        self._remember_first(rms)
        series = np.concatenate((self._before, rms))
        self._before = series[len(rms) :]
        self._layers = max(self._layers, int(figures.weighty.sum()))
        bounds = self._bounds(figures, series)
        held = np.isfinite(rms) & (rms > np.fmin.reduce([*bounds.values()]))
        held &= figures.settled(self.thresholds.warmup)
        for streak, hysteresis in self._streaks.items():
            # `held` is of the smallest bound: what is above this one is part of it.
            beyond = held & (rms > bounds[streak]) if streak in bounds else held
            for layer, row in hysteresis.observe(figures.steps, beyond):
                exceeded = {name: float(bound[row, layer]) for name, bound in bounds.items()}
                self._found[streak, layer] = self._confirmed(figures, layer, row, exceeded)

    def findings(self) -> Iterable[GradientFinding]:
        """One for the layers that explode at about the same time."""
        first = {layer: self._first_streak(layer) for _, layer in sorted(self._found)}
        began = {layer: self._began(streak, layer) for layer, streak in first.items()}
        for layers in outbreaks(began, self.thresholds.n * self.stream.every):
            yield self._report(first[layers[0]], layers)

    def _first_streak(self, layer: int) -> str:
        """The one that began first; of two, the one that goes on."""
        streaks = [streak for streak in self._streaks if (streak, layer) in self._found]
        return min(streaks, key=lambda streak: self._began(streak, layer))

    def _began(self, streak: str, layer: int) -> int:
        return int(self._streaks[streak].began[layer])

    def _remember_first(self, rms: Array) -> None:
        """The first size of each layer that is one: 0 has no multiples."""
        import numpy as np

        if not np.isnan(self._first).any():
            return
        sized = (rms > 0) & np.isfinite(rms)
        found = np.where(sized.any(axis=0), rms[sized.argmax(axis=0), range(rms.shape[1])], np.nan)
        self._first = np.where(np.isnan(self._first), found, self._first)

    def _bounds(self, figures: Figures, series: Array) -> dict[str, Array]:
        """What a layer must not be above, by reason: (n, L) each; NaN where there is no bound."""
        import numpy as np

        t, rms = self.thresholds, figures.rms
        shape = rms.shape
        bounds = {"absolute": np.full(shape, t.absolute), "extreme": np.full(shape, np.inf)}
        if not (rms > t.floor).any():  # the others have the floor, too
            return bounds
        bounds["growth"] = np.maximum(np.broadcast_to(t.growth * self._first, shape), t.floor)
        bounds["extreme"] = np.maximum(np.broadcast_to(t.extreme * self._first, shape), t.floor)
        bounds["spike"] = np.maximum(t.spike * _median_before(series, t.window), t.floor)
        bounds["ratio"] = np.full(shape, np.nan)
        layers = np.flatnonzero(figures.weighty)
        if len(layers) > 1:
            last = np.maximum(t.ratio * rms[:, layers[-1]], t.floor)
            bounds["ratio"][:, layers[0]] = last
        return bounds

    def _confirmed(
        self, figures: Figures, layer: int, row: int, bounds: dict[str, float]
    ) -> dict[str, Any]:
        """The fields of the finding, from the step that confirmed it."""
        rms = float(figures.rms[row, layer])
        exceeded = [name for name, bound in bounds.items() if rms > bound]
        evidence: dict[str, float | int | str | None] = {
            "confirmed_at": int(figures.steps[row]),
            "rms": figure(rms),
            "first_rms": figure(self._first[layer]),
            "exceeds": ", ".join(exceeded),
            **{f"{name}_bound": figure(bounds[name]) for name in exceeded},
        }
        bound = min(bounds[name] for name in exceeded)
        weight, kernel, kernels = self._kernels(figures, layer, row, bound)
        total = self._kernels_of(layer)
        entry = self.layout.entries[weight]
        evidence["largest"] = f"{entry.path}, kernel {kernel}"
        return {"evidence": evidence, "kernels": kernels, "share": kernels / total}

    def _kernels_of(self, layer: int) -> int:
        weights = self.layout.weights_of[layer]
        return int(sum(self.layout.kernels[i] for i in weights if self.layout.weighty[i]))

    def _kernels(
        self, figures: Figures, layer: int, row: int, bound: float
    ) -> tuple[int, int, int]:
        """The weight and kernel of the largest norm per element, and how many are above."""
        import numpy as np

        best, above = (-1.0, 0, 0), 0
        for i in self.layout.weights_of[layer]:
            if not (self.layout.weighty[i] and figures.present[i]):
                continue
            size = float(self.layout.sizes[i])
            norms = figures.of("l2")[row, self.layout.ranges[i]] / np.sqrt(size)
            above += int(np.sum(norms > bound))
            kernel = int(norms.argmax())
            best = max(best, (float(norms[kernel]), i, kernel))
        return best[1], best[2], above

    def _report(self, streak: str, layers: list[int]) -> GradientFinding:
        layer = layers[0]
        found = self._found[streak, layer]
        evidence = {
            **found["evidence"],
            "layers_affected": len(layers),
            "layers": self._layers,
        }
        began = self._began(streak, layer)
        others = f", the first of {len(layers)} layers" if len(layers) > 1 else ""
        when = f"at step {began}" if streak == "extreme" else f"from step {began} on"
        message = (
            f"{when}, the gradient of {self.layout.layers[layer]!r} explodes"
            f"{others}: root mean square {shown(evidence['rms'])}, in its first recorded step "
            f"{shown(evidence['first_rms'])}"
        )
        return self.finding(
            message,
            "Lower the learning rate, clip gradients, or scale inputs and targets.",
            layer=layer,
            step=began,
            last_step=max(int(s.last[i]) for s in self._streaks.values() for i in layers),
            kernels=found["kernels"],
            share=found["share"],
            evidence=evidence,
        )


def _median_before(series: Array, window: int) -> Array:
    """The median of the `window` rows before each row but the first `window`; NaN are none."""
    import numpy as np

    views = np.lib.stride_tricks.sliding_window_view(series[:-1], window, axis=0)
    ordered = np.sort(views, axis=-1)  # NaN to the end
    known = np.sum(~np.isnan(ordered), axis=-1, keepdims=True)
    lower = np.take_along_axis(ordered, np.maximum(known - 1, 0) // 2, axis=-1)
    upper = np.take_along_axis(ordered, np.minimum(known // 2, window - 1), axis=-1)
    median = np.where(known >= _ENOUGH, (lower + upper) / 2, np.nan)
    return median[..., 0]
