"""KA405 dead: kernels whose gradient is exactly zero, step after step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis, figure, shown
from kerasaudit.gradients.diagnosis.streaks import NEVER, Runs, neighbours
from kerasaudit.gradients.diagnosis.thresholds import at_least

if TYPE_CHECKING:
    import numpy as np

    from kerasaudit.gradients.diagnosis.figures import Figures
    from kerasaudit.gradients.diagnosis.layout import Layout

    Array = np.ndarray[Any, Any]

__all__ = ["Dead", "Thresholds"]

KIND = Kind(
    "KA405",
    "kernels are dead",
    "The gradient of many kernels of a layer is exactly zero over many recorded steps in a row, or "
    "that of all its kernels over a few, or, where weight_l2 is recorded, that of a single kernel "
    "whose bias is larger than its weights can make up for. Neighbouring layers that died together "
    "are one finding. It names the one whose biases explain it. Where none do, it names the last "
    "one that nothing flows back through, and says so: a ReLU layer that is fed zeros by a dead "
    "one is as silent while its biases are zero.",
    "A dead kernel is never trained again, and takes part in nothing.",
    "'dense_1': all 64 kernels are dead from step 0 on: its bias is -1000 and a ReLU follows.",
    "Look at the layer's bias and at the initialisation (all zeros?); lower the learning rate that "
    "drove the units below zero; use LeakyReLU or GELU.",
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a kernel counts as dead.

    Args:
        steps: its gradient is exactly 0 on so many recorded steps in a row. Lower it for a run
            that is shorter.
        layer_steps: all kernels of a layer are, on so many: a batch that leaves a single unit out
            is common, one that leaves a whole layer out is not. The same goes for a kernel that
            its bias has killed. Layers that died at most so many steps apart died together.
        share: the smallest share of a weight's kernels to report (AutoTrainer, DeepDiagnosis: 0.7;
            SageMaker Debugger: 0.5); 0 reports a single one. In ReLU networks that train well a
            third of a layer's units is dead. Of 16 units with that chance each, half are dead in
            one training of eight, and 0.7 in fewer than one of a thousand.
        killing_bias: a kernel was killed by its bias, and is reported whatever the share, if the
            bias is above so many times its L2 norm. On inputs of unit size, w·x varies by the
            norm of w: a bias of -6 times it lets one example in a billion through. Of units that
            died by themselves, in trainings at a usual learning rate, the ratio is below 1.
        exempt: layer classes that are judged as a whole only. The rows of an embedding have a
            gradient only when they are looked up.
    """

    steps: int = at_least(1, 50)
    layer_steps: int = at_least(1, 5)
    share: float = 0.7
    killing_bias: float = 6.0
    exempt: tuple[str, ...] = ("Embedding",)


_STANDS_OUT = 10  # times the next largest: a bias that kills is not one of many
_SHIFTS = ("bias", "beta")
_LISTED = 8


@diagnosis("dead", KIND, Thresholds)
class Dead(Watch[Thresholds]):
    """Watches the kernels, and the layers as wholes.

    A layer's dead units are told from its kernels of several elements. A bias or a scale alone
    may well be zero (that of a batch normalisation whose input is constant), so a layer that has
    no others is judged as a whole.

    That a bias kills is told from its size beside its own kernel's, so not in front of a batch
    normalisation, whose shift is in another layer.
    """

    needs = ("max_abs", "weight_l2")
    optional = ("weight_l2",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        t, layers = self.thresholds, len(self.layout.layers)
        exempt = self.layout.exempt(t.exempt)
        self._judged = self.layout.over_kernels(~exempt[self.layout.layer_of])
        self._kernels = Runs(t.steps, len(self._judged))
        self._biased, self._biases = _with_bias(self.layout)
        self._killed = Runs(t.layer_steps, len(self._biased))
        self._norms: dict[int, tuple[float, float]] = {}  # of a killed kernel, and of its bias
        self._layers = Runs(t.layer_steps, layers)
        self._silent = Runs(t.layer_steps, layers)  # the biases too: nothing flows back through
        self._bias: dict[int, float] = {}  # the largest of a layer, when it was confirmed dead
        self._outweighed: dict[int, int] = {}  # how many of its kernels its biases outweighed
        self._known = False  # whether weights are recorded
        self._seen = [False] * layers

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        import numpy as np

        dead = figures.of("max_abs") == 0
        killed = self._outweighed_kernels(figures)
        of_kernels = np.where(figures.weighty, figures.kernel_max, figures.layer_max)
        for layer, row in self._layers.observe(figures.steps, of_kernels == 0):
            self._bias[layer] = self._largest_bias(figures, layer, row)
            here = np.isin(self._biased, self._places(layer))
            self._outweighed[layer] = int(killed[row, here].sum())
        self._silent.observe(figures.steps, figures.layer_max == 0)
        self._kernels.observe(figures.steps, dead & self._judged)
        if killed.any():  # of a healthy training, none is
            killed &= dead[:, self._biased] & dead[:, self._biases]
        for item, row in self._killed.observe(figures.steps, killed):
            norms = figures.of("weight_l2")[row]
            kernel, bias = norms[self._biased[item]], norms[self._biases[item]]
            self._norms[int(self._biased[item])] = (float(kernel), float(bias))
        self._seen = (figures.has_gradient | self._seen).tolist()

    def findings(self) -> Iterable[GradientFinding]:
        """One for each row of layers that died together, and one for each other layer."""
        layers = [layer for layer, seen in enumerate(self._seen) if seen]  # this optimizer's
        began = {layer: int(self._layers.began[layer]) for layer in layers}
        dead = {layer: step for layer, step in began.items() if step != NEVER}
        for group in neighbours(layers, dead, self.thresholds.layer_steps * self.stream.every):
            yield self._of_layers(group)
        for layer in layers:
            if layer not in dead:
                yield from self._of_kernels(layer)

    def _outweighed_kernels(self, figures: Figures) -> Array:
        """The kernels with a bias of their own, and which of them it outweighs: bool (n, B)."""
        import numpy as np

        if "weight_l2" not in figures.statistics:
            return np.zeros((len(figures), len(self._biased)), bool)
        self._known = True
        norms = figures.of("weight_l2")
        outweighed: Array = norms[:, self._biases] > (
            self.thresholds.killing_bias * norms[:, self._biased]
        )
        return outweighed

    def _places(self, layer: int) -> Array:
        """The kernels of a layer."""
        import numpy as np

        return np.concatenate([np.r_[self.layout.ranges[i]] for i in self.layout.weights_of[layer]])

    # -- layers ---------------------------------------------------------------------------------

    def _of_layers(self, group: list[int]) -> GradientFinding:
        silent = [layer for layer in group if self._silent.began[layer] != NEVER]
        layer, candidates = self._origin(silent or group)
        before = [other for other in group if other < layer]
        after = [other for other in group if other > layer]
        weights = self.layout.weights_of[layer]
        if layer not in silent:  # its bias lives: it is given zeros
            weights = tuple(i for i in weights if self.layout.weighty[i])
        kernels = int(sum(self.layout.kernels[i] for i in weights))
        began = int(self._layers.began[layer])
        others = f"; so are the {len(before)} layers before it" if before else ""
        if len(before) == 1:
            others = f"; so is {self._name(before[0])}, before it"
        fed = f"; {self._name(after[0])}, after it, is fed zeros" if after else ""
        if layer not in silent:
            fed = "; that of its bias is not: it is fed zeros"
        return self.finding(
            f"from step {began} on, the gradient of all kernels of {self._name(layer)} is exactly "
            f"zero{others}{fed}{self._doubt(candidates)}",
            self._advice(layer, silent, candidates),
            layer=layer,
            step=began,
            last_step=int(self._layers.last[layer]),
            kernels=kernels,
            share=1.0,
            evidence={
                "max_abs": 0.0,
                "layers_affected": len(group),
                "layers": sum(self._seen),
                "first_layer": self.layout.layers[group[0]],
                "last_layer": self.layout.layers[group[-1]],
                "candidates": ", ".join(self.layout.layers[i] for i in candidates),
                "largest_bias": self._bias[layer] or None,
                "killed_by_bias": self._outweighed[layer] if self._known else None,
            },
        )

    def _largest_bias(self, figures: Figures, layer: int, row: int) -> float:
        """The largest of the layer's biases and shifts; 0 where that is not recorded."""
        import numpy as np

        if "weight_l2" not in figures.statistics:
            return 0.0
        of_layer = [
            i
            for i in self.layout.weights_of[layer]
            if not self.layout.weighty[i] and self.layout.entries[i].weight in _SHIFTS
        ]
        norms = figures.of("weight_l2")[row]
        norms = np.where(np.isfinite(norms), norms, 0)
        return max((float(norms[self.layout.ranges[i]].max()) for i in of_layer), default=0.0)

    def _origin(self, layers: list[int]) -> tuple[int, list[int]]:
        """The layer to name, and those by which the others may have died."""
        import numpy as np

        biased = {layer: np.isin(self._biased, self._places(layer)).sum() for layer in layers}
        killed = [i for i in layers if biased[i] and self._outweighed[i] == biased[i]]
        if killed:
            return killed[-1], killed[-1:]
        *_, second, first = [0.0, *sorted(self._bias[layer] for layer in layers)]
        if first > _STANDS_OUT * second:
            layer = max(layers, key=lambda layer: self._bias[layer])
            return layer, [layer]
        return layers[-1], layers

    def _doubt(self, candidates: list[int]) -> str:
        if len(candidates) == 1:
            return ""
        names = ", ".join(map(self._name, candidates[:_LISTED]))
        names += ", …" if len(candidates) > _LISTED else ""
        lack = "their biases do not tell" if self._known else "recording weight_l2 may tell"
        return f"; it may have begun in any of {names}: {lack}"

    def _advice(self, layer: int, silent: list[int], candidates: list[int]) -> str:
        if len(candidates) > 1:
            return (
                "Look at the biases, activations and initialisation (all zeros?) of the layers "
                "that it may have begun in."
            )
        if layer not in silent:
            return "Look at what the layer is given: its inputs are all zero."
        return (
            "Look at the layer's bias, its activation and its initialisation: nothing flows back "
            "through it."
        )

    def _name(self, layer: int) -> str:
        return repr(self.layout.layers[layer])

    # -- kernels --------------------------------------------------------------------------------

    def _of_kernels(self, layer: int) -> Iterator[GradientFinding]:
        """The dead units of a layer of which others live."""
        import numpy as np

        places = {i: self.layout.ranges[i] for i in self.layout.weights_of[layer]}
        killed = {i: self._killed_in(i) for i in places if self.layout.weighty[i]}
        for weight, kernels in killed.items():
            if len(kernels):
                yield self._of_killed(layer, weight, kernels)
        dead = {
            i: np.flatnonzero(self._kernels.began[place] != NEVER) for i, place in places.items()
        }
        units = {i: np.setdiff1d(dead[i], killed[i]) for i in killed}
        main = max(units, key=lambda i: len(units[i]), default=None)
        if main is None or not len(units[main]):
            return
        entry, found = self.layout.entries[main], units[main]
        if len(found) / entry.kernels < self.thresholds.share:
            return
        step, last_step = self._steps(self._kernels, places[main].start + found)
        yield self._of_weight(
            layer,
            main,
            found,
            f"dead in {entry.path!r}: the gradient is exactly zero over {self.thresholds.steps} "
            f"recorded steps or more, from step {step} on",
            "Lower the learning rate or use an activation without a flat side (LeakyReLU, GELU); "
            "a layer with few dead units may simply be larger than needed.",
            step=step,
            last_step=last_step,
            evidence={
                f"dead in {self.layout.entries[i].weight}": len(others)
                for i, others in dead.items()
                if len(others)
            },
        )

    def _killed_in(self, weight: int) -> Array:
        """The kernels of a weight that their biases killed."""
        import numpy as np

        place = self.layout.ranges[weight]
        here = self._biased[self._killed.began != NEVER]
        inside: Array = np.sort(here[(here >= place.start) & (here < place.stop)]) - place.start
        return inside

    def _of_killed(self, layer: int, weight: int, kernels: Array) -> GradientFinding:
        import numpy as np

        entry, place = self.layout.entries[weight], self.layout.ranges[weight]
        items = np.flatnonzero(np.isin(self._biased, place.start + kernels))
        step, last_step = self._steps(self._killed, items)
        norm, bias = self._norms[place.start + int(kernels[0])]
        return self._of_weight(
            layer,
            weight,
            kernels,
            f"killed by its bias in {entry.path!r}: from step {step} on the gradient is exactly "
            f"zero, and the bias, of magnitude {shown(bias)}, is more than the kernel, of norm "
            f"{shown(norm)}, can make up for",
            "Set the bias to 0; lower the learning rate if training drove it there.",
            step=step,
            last_step=last_step,
            evidence={"bias": figure(bias), "weight_l2": figure(norm)},
        )

    def _steps(self, runs: Runs, items: Array) -> tuple[int, int]:
        """The first step and the last one of some items."""
        return int(runs.began[items].min()), int(runs.last[items].max())

    def _of_weight(
        self,
        layer: int,
        weight: int,
        kernels: Array,
        what: str,
        advice: str,
        *,
        evidence: dict[str, Any],
        **steps: int,
    ) -> GradientFinding:
        """The finding on some kernels of a weight."""
        entry, one = self.layout.entries[weight], len(kernels) == 1
        which = (
            f"kernel {kernels[0]} is" if one else f"{len(kernels)} of {entry.kernels} kernels are"
        )
        return self.finding(
            f"{which} {what}",
            advice,
            layer=layer,
            weight=entry.weight,
            kernel=int(kernels[0]) if one else None,
            kernels=len(kernels),
            share=len(kernels) / entry.kernels,
            evidence={
                "max_abs": 0.0,
                "kernels": ", ".join(map(str, kernels[:_LISTED].tolist())),
                **evidence,
            },
            **steps,
        )


def _with_bias(layout: Layout) -> tuple[Array, Array]:
    """The places of the kernels that have a bias of their own, and of these biases.

    It is the weight "bias" beside the kernel in the same layer, along the same unit axes.
    """
    import numpy as np

    kernels, biases = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    places = {entry.path: i for i, entry in enumerate(layout.entries)}
    for i, entry in enumerate(layout.entries):
        bias = places.get(f"{entry.path.rpartition('/')[0]}/bias")
        if bias is None or not layout.weighty[i] or layout.weighty[bias]:
            continue
        own = layout.entries[bias]
        if (own.unit, own.unit_shape) == (entry.unit, entry.unit_shape):
            kernels.append(np.r_[layout.ranges[i]])
            biases.append(np.r_[layout.ranges[bias]])
    return np.concatenate(kernels), np.concatenate(biases)
