"""KA408 identical-kernels: kernels that are trained alike, step after step, and stay copies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Watch, diagnosis, figure
from kerasaudit.gradients.diagnosis.thresholds import at_least

if TYPE_CHECKING:
    import numpy as np

    from kerasaudit.gradients.diagnosis.figures import Figures

    Array = np.ndarray[Any, Any]

__all__ = ["IdenticalKernels", "Thresholds"]

KIND = Kind(
    "KA408",
    "kernels are identical and stay so",
    "All recorded figures of several kernels of one weight are equal to the last bit, and not "
    "zero, step after step: the kernels began as copies, and each gets the gradient of the others.",
    "Kernels that are copies learn one thing together: the layer is as wide as one of them.",
    "'dense/kernel': 64 of 64 kernels are identical; its initializer is Constant(0.1).",
    "Initialise at random (GlorotUniform, HeNormal). Where the gradients of one loss are equal by "
    "nature (a mean absolute error over outputs that all miss to the same side), record "
    "statistics=['weight_l2'] as well, which tells such kernels apart.",
)

# A mirror image has equal norms too; these tell it from a copy.
_TELLING = frozenset({"mean", "min", "max", "weight_l2", "weight_std"})
_SMALLEST = 1e-35  # below this, float32 has so few values that equal ones are chance


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When kernels count as identical.

    Args:
        steps: their figures are equal on so many recorded steps in a row. It is looked for in
            stretches of that length, one after the other from the first recorded step on.
        exempt: layer classes left out: words that are always used together have equal gradients
            in an embedding.
    """

    steps: int = at_least(1, 6)
    exempt: tuple[str, ...] = ("Embedding",)


@diagnosis("identical-kernels", KIND, Thresholds)
class IdenticalKernels(Watch[Thresholds]):
    """Watches the kernels of several elements, in stretches of steps.

    At the first step of a stretch the vector is sorted once; only kernels that have a double then
    are followed through the stretch. Of a healthy training that is none.

    The two kernels of a weight that has no more may be mirror images: those of a softmax of two
    classes are. They are judged only by statistics that show the sign or the weight.
    """

    needs = ("l2", "max_abs")
    optional = ("max_abs",)

    def __init__(self, *args: Any) -> None:
        import numpy as np

        super().__init__(*args)
        exempt = self.layout.exempt(self.thresholds.exempt)[self.layout.layer_of]
        judged = self.layout.weighty & ~exempt & (self.layout.kernels > 1)
        self._judged = judged
        self._weight_of = self.layout.over_kernels(np.arange(len(self.layout.entries)))
        self._doubles = np.zeros(0, np.intp)  # kernels that are followed in this stretch
        self._group = np.zeros(0, np.int64)  # which of them belong together
        self._began = 0
        self._found: dict[int, dict[str, Any]] = {}

    def observe(self, figures: Figures) -> None:
        """See the next block."""
        length = self.thresholds.steps
        row, end = 0, len(figures)
        while row < end:
            within = (figures.first + row) % length
            if within == 0:
                self._begin(figures, row)
            stop = min(end, row + length - within)
            if len(self._doubles):
                self._follow(figures, row, stop)
            if len(self._doubles) and within + stop - row == length:
                self._confirm(figures, stop - 1)
            row = stop

    def findings(self) -> Iterable[GradientFinding]:
        """One for each weight."""
        for weight, found in self._found.items():
            entry = self.layout.entries[weight]
            yield self.finding(
                f"{found['kernels']} of {entry.kernels} kernels of {entry.path!r} are identical "
                f"from step {found['step']} on: their figures are equal to the last bit",
                "Initialise the layer at random (GlorotUniform, HeNormal), not with a constant.",
                layer=entry.layer,
                weight=entry.weight,
                **found,
            )

    def _begin(self, figures: Figures, row: int) -> None:
        """Find the kernels that have a double in their weight, by their norm."""
        import numpy as np

        norms = figures.of("l2")[row]
        telling = not _TELLING.isdisjoint(figures.statistics)
        judged = self._judged & figures.present & (telling | (self.layout.kernels > 2))
        kernels = np.flatnonzero(
            self.layout.over_kernels(judged) & (norms > _SMALLEST) & np.isfinite(norms)
        )
        key = self._weight_of[kernels].astype(np.int64) << 32
        # float64 norms are told apart by _follow; their float32 is enough for a first look.
        key |= norms[kernels].astype(np.float32).view(np.uint32)
        ordered = np.sort(key)
        equal = ordered[1:][ordered[1:] == ordered[:-1]]
        double = np.isin(key, equal) if len(equal) else np.zeros(len(key), bool)
        self._doubles, self._group = kernels[double], key[double]
        self._began = int(figures.steps[row])

    def _follow(self, figures: Figures, start: int, stop: int) -> None:
        """Split the groups by every figure of every step; drop who is left alone."""
        import numpy as np

        values = figures.block.values[start:stop][:, :, self._doubles]
        of_norms = figures.statistics.index("l2")
        sized = (values[:, of_norms] > _SMALLEST).all(axis=0)  # zeros are equal and no copies
        self._doubles, self._group = self._doubles[sized], self._group[sized]
        if not sized.any():
            return
        values = values[:, :, sized].reshape(-1, len(self._doubles))
        rows = np.column_stack((self._group, _bits(values).T))
        _, group, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        group = group.reshape(-1)
        alike = counts[group] > 1
        self._doubles, self._group = self._doubles[alike], group[alike]

    def _confirm(self, figures: Figures, row: int) -> None:
        import numpy as np

        weights = self._weight_of[self._doubles]
        norms = figures.of("l2")[row]
        for weight in np.unique(weights).tolist():
            kernels, groups = self._doubles[weights == weight], self._group[weights == weight]
            step = int(figures.steps[row])
            if weight in self._found:
                self._found[weight]["last_step"] = step
                continue
            sizes = np.unique(groups, return_counts=True)[1]
            inside = kernels - self.layout.starts[weight]
            self._found[weight] = {
                "step": self._began,
                "last_step": step,
                "kernels": len(kernels),
                "share": len(kernels) / self.layout.entries[weight].kernels,
                "evidence": {
                    "confirmed_at": step,
                    "l2": figure(norms[kernels[0]]),
                    "groups": len(sizes),
                    "largest_group": int(sizes.max()),
                    "kernels": ", ".join(map(str, inside[:8].tolist())),
                },
            }


def _bits(values: Array) -> Array:
    """Figures as integers, so that equal is equal to the last bit, and NaN equals itself."""
    import numpy as np

    whole = np.int64 if values.dtype.itemsize == 8 else np.int32
    return (np.ascontiguousarray(values) + 0).view(whole).astype(np.int64)  # −0 + 0 is 0
