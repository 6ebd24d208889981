"""KA405 dead: kernels whose gradient is exactly zero, step after step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis
from kerasaudit.gradients.diagnosis.streaks import NEVER, Runs
from kerasaudit.gradients.diagnosis.thresholds import at_least

if TYPE_CHECKING:
    from kerasaudit.gradients.diagnosis.figures import Figures

__all__ = ["Dead", "Thresholds"]

KIND = Kind(
    "KA405",
    "kernels are dead",
    "The gradient of many kernels of a layer is exactly zero over many recorded steps in a row, or "
    "that of all its kernels over a few. Neighbouring layers that died together are one finding: "
    "it names the last one that nothing flows back through, or, where weight_l2 is recorded, the "
    "one whose bias stands out. (A layer that is fed zeros dies of it where its bias is zero.)",
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
            is common, one that leaves a whole layer out is not.
        share: the smallest share of a weight's kernels to report (SageMaker Debugger: 0.5 of a
            layer; AutoTrainer: 0.7); 0 reports a single one. In ReLU networks that train well a
            third of a layer's units was seen dead.
        exempt: layer classes that are judged as a whole only. The rows of an embedding have a
            gradient only when they are looked up.
    """

    steps: int = at_least(1, 50)
    layer_steps: int = at_least(1, 5)
    share: float = 0.5
    exempt: tuple[str, ...] = ("Embedding",)


_STANDS_OUT = 10  # times the next largest: a bias that kills is not one of many


@diagnosis("dead", KIND, Thresholds)
class Dead(Watch[Thresholds]):
    """Watches the kernels, and the layers as wholes.

    A layer's dead units are told from its kernels of several elements. A bias or a scale alone
    may well be zero (that of a batch normalisation whose input is constant), so a layer that has
    no others is judged as a whole.
    """

    needs = ("max_abs",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        t, layers = self.thresholds, len(self.layout.layers)
        exempt = self.layout.exempt(t.exempt)
        self._judged = self.layout.over_kernels(~exempt[self.layout.layer_of])
        self._kernels = Runs(t.steps, len(self._judged))
        self._layers = Runs(t.layer_steps, layers)
        self._silent = Runs(t.layer_steps, layers)  # the biases too: nothing flows back through
        self._bias: dict[int, float] = {}  # the largest of a layer, when it was confirmed dead
        self._seen = [False] * layers

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        import numpy as np

        of_kernels = np.where(figures.weighty, figures.kernel_max, figures.layer_max)
        for layer, row in self._layers.observe(figures.steps, of_kernels == 0):
            self._bias[layer] = self._largest_bias(figures, layer, row)
        self._silent.observe(figures.steps, figures.layer_max == 0)
        self._kernels.observe(figures.steps, (figures.of("max_abs") == 0) & self._judged)
        self._seen = (figures.has_gradient | self._seen).tolist()

    def findings(self) -> Iterable[GradientFinding]:
        """One for each row of layers that died together, and one for each other layer."""
        for group in self._groups():
            yield self._of_layers(group)
        for layer in range(len(self.layout.layers)):
            if self._layers.began[layer] == NEVER:
                yield from self._of_kernels(layer)

    def _groups(self) -> Iterator[list[int]]:
        """Layers that are dead as wholes: neighbours in forward order that began together."""
        group: list[int] = []
        for layer, seen in enumerate(self._seen):
            if not seen:  # not this optimizer's
                continue
            began = self._layers.began[layer]
            if group and began != self._layers.began[group[-1]]:
                yield group
                group = []
            if began != NEVER:
                group.append(layer)
        if group:
            yield group

    def _of_layers(self, group: list[int]) -> GradientFinding:
        silent = [layer for layer in group if self._silent.began[layer] != NEVER]
        layer = self._origin(silent or group)
        before = [other for other in group if other < layer]
        after = [other for other in group if other > layer]
        weights = self.layout.weights_of[layer]
        if layer not in silent:  # its bias lives: it is given zeros
            weights = tuple(i for i in weights if self.layout.weighty[i])
        kernels = int(sum(self.layout.kernels[i] for i in weights))
        began = int(self._layers.began[layer])
        name = self.layout.layers[layer]
        others = f"; so are the {len(before)} layers before it" if before else ""
        if len(before) == 1:
            others = f"; so is {self._name(before[0])}, before it"
        fed = f"; {self._name(after[0])}, after it, is fed zeros" if after else ""
        return self.finding(
            f"from step {began} on, the gradient of all kernels of {name!r} is exactly zero"
            f"{others}{fed}",
            "Look at the layer's bias, its activation and its initialisation: nothing flows back "
            "through it.",
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
                "largest_bias": self._bias[layer] or None,
            },
        )

    def _largest_bias(self, figures: Figures, layer: int, row: int) -> float:
        """The largest of the layer's weights of one element; 0 where that is not recorded."""
        import numpy as np

        if "weight_l2" not in figures.statistics:
            return 0.0
        of_layer = [i for i in self.layout.weights_of[layer] if not self.layout.weighty[i]]
        norms = figures.of("weight_l2")[row]
        norms = np.where(np.isfinite(norms), norms, 0)
        return max((float(norms[self.layout.ranges[i]].max()) for i in of_layer), default=0.0)

    def _origin(self, layers: list[int]) -> int:
        """The layer by which the others died."""
        *_, second, first = [0.0, *sorted(self._bias[layer] for layer in layers)]
        if first > _STANDS_OUT * second:
            return max(layers, key=lambda layer: self._bias[layer])
        return layers[-1]

    def _name(self, layer: int) -> str:
        return repr(self.layout.layers[layer])

    def _of_kernels(self, layer: int) -> Iterator[GradientFinding]:
        """The dead units of a layer of which others live."""
        import numpy as np

        began = self._kernels.began
        places = {i: self.layout.ranges[i] for i in self.layout.weights_of[layer]}
        dead = {i: np.flatnonzero(began[place] != NEVER) for i, place in places.items()}
        units = {i: found for i, found in dead.items() if self.layout.weighty[i]}
        main = max(units, key=lambda i: len(units[i]), default=None)
        if main is None or not len(units[main]):
            return
        entry, place, found = self.layout.entries[main], places[main], units[main]
        share = len(found) / entry.kernels
        if share < self.thresholds.share:
            return
        step = int(began[place][found].min())
        one = len(found) == 1
        which = f"kernel {found[0]} is" if one else f"{len(found)} of {entry.kernels} kernels are"
        yield self.finding(
            f"{which} dead in {entry.path!r}: the gradient is exactly zero over "
            f"{self.thresholds.steps} recorded steps or more, from step {step} on",
            "Lower the learning rate or use an activation without a flat side (LeakyReLU, GELU); "
            "a layer with few dead units may simply be larger than needed.",
            layer=layer,
            weight=entry.weight,
            step=step,
            last_step=int(self._kernels.last[place][found].max()),
            kernel=int(found[0]) if one else None,
            kernels=len(found),
            share=share,
            evidence={
                "max_abs": 0.0,
                "kernels": ", ".join(map(str, found[:8].tolist())),
                **{
                    f"dead in {self.layout.entries[i].weight}": len(others)
                    for i, others in dead.items()
                    if len(others)
                },
            },
        )
