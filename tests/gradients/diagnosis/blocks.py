"""Inventories and blocks made by hand: figures are what a test says they are."""

from __future__ import annotations

import numpy as np

from kerasaudit.gradients.block import STEP_STATUSES, Block
from kerasaudit.gradients.diagnosis import Diagnosis, GradientFinding
from kerasaudit.gradients.inventory import Inventory, WeightEntry


def weight(
    path: str, size: int, kernels: int, class_name: str = "Dense", status: str = "recorded"
) -> WeightEntry:
    """A weight of `kernels` kernels of `size` elements, its unit axis the last one."""
    layer, name = path.rsplit("/", 1)
    shape = (size, kernels) if size > 1 else (kernels,)
    unit = len(shape) - 1
    return WeightEntry(layer, name, class_name, shape, "float32", shape, ("u",), (unit,), status)


def dense(layer: str, size: int, kernels: int, **fields: str) -> list[WeightEntry]:
    """A layer with a kernel and a bias."""
    return [
        weight(f"{layer}/kernel", size, kernels, **fields),
        weight(f"{layer}/bias", 1, kernels, **fields),
    ]


def network(*layers: str, kernels: int = 4, size: int = 9) -> Inventory:
    """Layers of the same size, each with a kernel and a bias."""
    return Inventory(tuple(w for layer in layers for w in dense(layer, size, kernels)))


class Recording:
    """A training written down by hand: healthy until told otherwise.

    Every element of every kernel has a gradient of about `level` (so that a kernel's L2 norm is
    level·√size), each kernel and step a little different.
    """

    def __init__(
        self,
        inventory: Inventory,
        steps: int,
        statistics: tuple[str, ...] = ("l2", "max_abs"),
        level: float = 0.01,
        optimizer: str = "optimizer",
        tap: str = "raw",
        first: int = 0,
        every: int = 1,
        seed: int = 0,
    ) -> None:
        self.inventory, self.statistics, self.every = inventory, statistics, every
        self.optimizer, self.tap = optimizer, tap
        self.steps = first + every * np.arange(steps, dtype=np.int64)
        self.status = np.zeros(steps, np.int8)
        self.loss = np.full(steps, 0.5)
        self.loss_known = np.ones(steps, bool)
        self.loss_scale = np.full(steps, np.nan)
        self.learning_rate = np.full(steps, 0.01)
        self.present = np.ones(len(inventory.recorded), bool)
        self.random = np.random.default_rng(seed)
        self.sizes = np.concatenate([np.full(e.kernels, e.size) for e in inventory.recorded])
        self.values = {name: self._healthy(name, steps, level) for name in statistics}

    def _healthy(self, statistic: str, steps: int, level: float) -> np.ndarray:
        noise = self.random.uniform(0.9, 1.1, (steps, len(self.sizes)))
        root = np.sqrt(self.sizes)
        levels = {
            "l2": level * root,
            "weight_l2": 0.1 * root,
            "weight_std": 0.1,
            "update_l2": 1e-4 * root,
            "update_ratio": 1e-3,
        }
        return noise * levels.get(statistic, level)

    def place(self, path: str) -> slice:
        """The kernels of a weight, or of a whole layer."""
        entries = zip(self.inventory.recorded, self.inventory.ranges, strict=True)
        places = [where for entry, where in entries if path in (entry.path, entry.layer)]
        return slice(places[0].start, places[-1].stop)

    def scale(self, path: str, factor: float, rows: slice = slice(None)) -> Recording:
        """Multiply the gradients of a weight or layer."""
        for statistic in self.values.keys() - {"weight_l2", "weight_std", "update_ratio"}:
            self.values[statistic][rows, self.place(path)] *= factor
        return self

    def put(
        self,
        statistic: str,
        path: str,
        value: object,
        rows: slice | int = slice(None),
        kernel: int | None = None,
    ) -> Recording:
        """Set one statistic of a weight, a layer or one kernel of a weight."""
        where = self.place(path)
        self.values[statistic][rows, where if kernel is None else where.start + kernel] = value
        return self

    def zero(
        self, path: str, rows: slice | int = slice(None), kernel: int | None = None
    ) -> Recording:
        """A gradient of exactly zero."""
        for statistic in {"l2", "max_abs"} & self.values.keys():
            self.put(statistic, path, 0.0, rows, kernel)
        return self

    def say(self, status: str, rows: slice | int = slice(None)) -> Recording:
        """Set the status of steps."""
        self.status[rows] = STEP_STATUSES.index(status)
        return self

    def absent(self, path: str) -> Recording:
        """Weights without a gradient: their figures mean nothing."""
        for i, entry in enumerate(self.inventory.recorded):
            if path in (entry.path, entry.layer):
                self.present[i] = False
                for values in self.values.values():
                    values[:, self.inventory.ranges[i]] = np.nan
        return self

    @property
    def block(self) -> Block:
        """The whole recording as one block."""
        values = np.stack([self.values[name] for name in self.statistics], axis=1)
        return Block(
            optimizer=self.optimizer,
            tap=self.tap,
            statistics=self.statistics,
            steps=self.steps,
            epochs=np.zeros(len(self.steps), np.int32),
            status=self.status,
            learning_rate=self.learning_rate,
            loss=self.loss,
            loss_known=self.loss_known,
            loss_scale=self.loss_scale,
            present=self.present,
            values=values.astype(np.float32),
        )

    def diagnosis(self, thresholds: dict | None = None) -> Diagnosis:
        """A diagnosis that has seen it."""
        made = Diagnosis(self.inventory, self.statistics, thresholds, self.every)
        made.observe(self.block)
        return made

    def findings(self, thresholds: dict | None = None) -> tuple[GradientFinding, ...]:
        """What a diagnosis finds in it."""
        return self.diagnosis(thresholds).findings

    def names(self, thresholds: dict | None = None) -> list[str]:
        """The names of what it finds."""
        return [finding.name for finding in self.findings(thresholds)]
