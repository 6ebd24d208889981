"""One weight's gradients compared: kernel by kernel, and with finite differences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kerasaudit.backprop.check_kinds import finding
from kerasaudit.backprop.check_result import KernelRow, ProbeRow, WeightRow
from kerasaudit.backprop.check_sides import Slot
from kerasaudit.backprop.probing import slope
from kerasaudit.backprop.rule import Array
from kerasaudit.backprop.tolerances import BY_DTYPE, DIFFERENCES
from kerasaudit.finding import Finding

__all__ = ["Compared", "compare"]

_MOST_ELEMENTS = 32  # of a kernel that is found to be wrong, to show the worst


@dataclass(slots=True)
class Compared:
    """What came of one weight."""

    weight: WeightRow
    kernels: list[KernelRow]
    probes: list[ProbeRow]
    finding: Finding | None


def compare(slot: Slot, tolerance: float, count: int, rng: np.random.Generator) -> Compared:
    """Compare one weight's gradients.

    Args:
        slot: the weight.
        tolerance: between the derivation and the tape, relative.
        count: how many kernels and elements to probe.
        rng: draws them.
    """
    return _Comparison(slot, tolerance * slot.scale, rng).of(count)


@dataclass(slots=True)
class _Comparison:
    slot: Slot
    tolerance: float
    rng: np.random.Generator
    probes: list[ProbeRow] = field(default_factory=list)
    finding: Finding | None = None

    def of(self, count: int) -> Compared:
        statuses = self._kernels()
        if self.slot.loss is not None and self.slot.value.size:
            self._probe_some(count, statuses)
        rows = list(self._rows(statuses))
        return Compared(self._weight(statuses), rows, self.probes, self.finding)

    # -- the tape and the derivation, element by element ----------------------------------------

    @property
    def _against(self) -> Array | None:
        """What the tape is compared with: the derivation, or itself in float64."""
        return self.slot.exact if self.slot.derived is None else self.slot.derived

    def _differences(self) -> Array:
        """How far the tape is from it: a row for each kernel."""
        against = self._against
        places = self.slot.places
        if against is None:
            return np.zeros(places.shape)
        apart = np.abs(against - self.slot.tape).reshape(-1)
        # What is not finite on one side alone is different; on both it may be the same.
        same = (against == self.slot.tape).reshape(-1)
        return np.where(np.isnan(apart), np.where(same, 0.0, np.inf), apart)[places]

    def _kernels(self) -> list[str]:
        """The status of each kernel."""
        apart = self._differences()
        if self._against is None:
            return ["unchecked"] * len(apart)
        found = ["ok"] * len(apart)
        beyond = [int(k) for k in np.flatnonzero((apart > self.tolerance).any(axis=1))]
        for kernel in sorted(beyond, key=lambda k: -apart[k].max()):
            if self._is_rounding(kernel):
                found[kernel] = "kink"
            elif self.finding is None:
                found[kernel] = self._judge(kernel, int(apart[kernel].argmax()))
            else:
                found[kernel] = "wrong"  # as the worst of them is
        return found

    def _is_rounding(self, kernel: int) -> bool:
        """Whether the tape agrees in float64: rounding then chose another side of a kink."""
        slot = self.slot
        if slot.exact is None:
            return False
        if slot.derived is None:
            return True  # it was compared with that
        apart = np.abs(slot.exact - slot.derived).reshape(-1)[slot.places[kernel]]
        return bool(apart.max() <= BY_DTYPE["float64"] * slot.scale)

    def _judge(self, kernel: int, number: int) -> str:
        """Which side is right of the element that differs most, by finite differences."""
        slot = self.slot
        place = int(slot.places[kernel][number])
        assert self._against is not None
        tape, derived = (float(g.reshape(-1)[place]) for g in (slot.tape, self._against))
        if slot.loss is None:
            self._report("KA430", kernel, place, None)
            return "wrong"
        row = self._probe(kernel, self._element(place), place)
        if row.status == "kink":
            return "kink"
        mine, theirs = abs(row.difference - derived), abs(row.difference - tape)
        self._report("KA431" if theirs < mine else "KA430", kernel, place, row.difference)
        return "wrong"

    # -- finite differences ---------------------------------------------------------------------

    def _probe_some(self, count: int, statuses: list[str]) -> None:
        """Probe the whole weight, some kernels and some elements."""
        places = self.slot.places
        whole = self._probe(None, self._direction(places.reshape(-1)), None)
        if whole.status == "wrong":
            self._blame(self._search(), statuses)
        for kernel in self._some(len(places), count):
            row = self._probe(kernel, self._direction(places[kernel]), None)
            if row.status == "wrong":
                self._blame(kernel, statuses)
        for place in self._some(self.slot.value.size, count):
            kernel = int(np.argwhere(places == place)[0][0])
            row = self._probe(kernel, self._element(place), place)
            if row.status == "wrong":
                self._blame(kernel, statuses)

    def _some(self, size: int, count: int) -> list[int]:
        chosen = self.rng.choice(size, min(size, count), replace=False)
        return sorted(int(one) for one in chosen)

    def _direction(self, places: Array) -> Array:
        """A direction of length 1 that moves these elements alone."""
        flat = np.zeros(self.slot.value.size)
        flat[places] = self.rng.normal(size=len(places))
        unit: Array = (flat / np.linalg.norm(flat)).reshape(self.slot.value.shape)
        return unit

    def _element(self, place: int) -> Array:
        flat = np.zeros(self.slot.value.size)
        flat[place] = 1.0
        return flat.reshape(self.slot.value.shape)

    def _probe(self, kernel: int | None, direction: Array, place: int | None) -> ProbeRow:
        """One finite difference, entered."""
        slot, tolerance = self.slot, DIFFERENCES * self.slot.scale
        assert slot.loss is not None
        expected = float((slot.best * direction).sum())
        found = slope(slot.loss, slot.value, direction, expected, tolerance)
        agrees = abs(found.central - expected) <= tolerance + _noise(found.step)
        status = "ok" if agrees else "kink" if found.corner else "wrong"
        row = ProbeRow(
            layer=slot.layer,
            weight=slot.weight,
            kernel=kernel,
            element=None if place is None else self._index(place),
            step=found.step,
            difference=found.central,
            derived=None if slot.derived is None else float((slot.derived * direction).sum()),
            tape=float((slot.tape * direction).sum()),
            tolerance=tolerance,
            status=status,
        )
        self.probes.append(row)
        return row

    def _search(self) -> int:
        """A kernel that is wrong, where the weight as a whole is: by halves."""
        low, high = 0, len(self.slot.places)
        while high - low > 1:
            middle = (low + high) // 2
            part = self._direction(self.slot.places[low:middle].reshape(-1))
            if self._probe(None, part, None).status == "wrong":
                high = middle
            else:
                low = middle
        return low

    def _blame(self, kernel: int, statuses: list[str]) -> None:
        """Say that a kernel's gradient is wrong, with its worst element."""
        statuses[kernel] = "wrong"
        if self.finding is not None:
            return
        places = self.slot.places[kernel]
        chosen = places[self._some(len(places), _MOST_ELEMENTS)]
        rows = [(int(p), self._probe(kernel, self._element(int(p)), int(p))) for p in chosen]
        place, row = max(rows, key=lambda one: abs(one[1].difference - self._best_at(one[0])))
        slot = self.slot
        tape = float(slot.tape.reshape(-1)[place])
        agrees = abs(tape - row.difference) <= max(self.tolerance, DIFFERENCES * slot.scale)
        code = "KA431" if slot.derived is not None and agrees else "KA430"
        self._report(code, kernel, place, row.difference)

    def _best_at(self, place: int) -> float:
        return float(self.slot.best.reshape(-1)[place])

    # -- rows -----------------------------------------------------------------------------------

    def _index(self, place: int) -> str:
        index = np.unravel_index(place, self.slot.value.shape)
        return f"[{','.join(str(int(i)) for i in index)}]"

    def _report(self, code: str, kernel: int, place: int, difference: float | None) -> None:
        slot = self.slot
        tape = float(slot.tape.reshape(-1)[place])
        says = [f"the tape says {tape:.6g}"]
        if slot.derived is not None:
            says.append(f"the derivation {float(slot.derived.reshape(-1)[place]):.6g}")
        if difference is not None:
            says.append(f"finite differences {difference:.6g}")
        right = self._best_at(place) if difference is None else difference
        name = f"{slot.layer}/{slot.weight}"
        self.finding = finding(
            code,
            name,
            f"kernel {kernel}, element {self._index(place)}: {', '.join(says)}",
            expected=f"{right:.9g}",
            observed=f"{self._best_at(place) if code == 'KA431' else tape:.9g}",
        )

    def _rows(self, statuses: list[str]) -> Iterator[KernelRow]:
        slot, places = self.slot, self.slot.places
        apart = self._differences()
        tape = np.linalg.norm(slot.tape.reshape(-1)[places], axis=1)
        derived = None
        if slot.derived is not None:
            derived = np.linalg.norm(slot.derived.reshape(-1)[places], axis=1)
        for kernel, status in enumerate(statuses):
            yield KernelRow(
                layer=slot.layer,
                weight=slot.weight,
                kernel=kernel,
                elements=places.shape[1],
                derived=None if derived is None else float(derived[kernel]),
                tape=float(tape[kernel]),
                difference=float(apart[kernel].max(initial=0.0)),
                tolerance=self.tolerance,
                status=status,
            )

    def _weight(self, statuses: list[str]) -> WeightRow:
        slot = self.slot
        every = [*statuses, *(probe.status for probe in self.probes)]
        order = ("wrong", "kink", "ok")
        if self.finding is not None:
            every.append("wrong")
        status = next((one for one in order if one in every), "unchecked")
        return WeightRow(
            layer=slot.layer,
            weight=slot.weight,
            path=slot.path,
            dtype=slot.dtype,
            elements=slot.value.size,
            derived=None if slot.derived is None else float(np.linalg.norm(slot.derived)),
            tape=float(np.linalg.norm(slot.tape)),
            difference=None
            if self._against is None
            else float(self._differences().max(initial=0.0)),
            tolerance=self.tolerance,
            probes=len(self.probes),
            status=status,
        )


def _noise(step: float) -> float:
    return 1e-14 / step
