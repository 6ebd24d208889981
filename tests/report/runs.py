"""Recorded runs that the reports are tested on: made up, so that no backend is needed.

`digits` is what a healthy training of a small convolutional net looks like, with one dead kernel,
one step that is not finite, an overflow, and a weight of each kind that has no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kerasaudit.gradients.block import Block
from kerasaudit.gradients.diagnosis.rule import GradientFinding
from kerasaudit.gradients.inventory import Inventory, WeightEntry
from kerasaudit.gradients.summary import RunSummary, summarise

ABOUT = {
    "model": "digits",
    "class_name": "Sequential",
    "optimizers": {"optimizer": "Adam"},
    "jit_compile": False,
    "steps_per_execution": 1,
    "versions": {"kerasaudit": "0.1.0", "keras": "3.15.1", "backend": "tensorflow 2.21.0"},
}


def entry(
    layer: str, weight: str, class_name: str, shape: Sequence[int], unit: str = "K", **more: Any
) -> WeightEntry:
    """A weight whose last axis is its unit axis."""
    return WeightEntry(
        layer,
        weight,
        class_name,
        tuple(shape),
        "float32",
        tuple(shape),
        (unit,),
        (len(shape) - 1,),
        **more,
    )


def block(
    values: np.ndarray[Any, Any],
    statistics: Sequence[str] = ("l2", "max_abs"),
    *,
    first: int = 0,
    present: Sequence[bool] = (True,),
    **more: Any,
) -> Block:
    """A block of figures (steps, statistics, kernels), everything else plain."""
    steps = len(values)
    fields: dict[str, Any] = {
        "optimizer": "optimizer",
        "tap": "raw",
        "steps": np.arange(first, first + steps, dtype=np.int64),
        "epochs": np.zeros(steps, dtype=np.int32),
        "status": np.zeros(steps, dtype=np.int8),
        "learning_rate": np.full(steps, 0.001),
        "loss": np.ones(steps),
        "loss_known": np.ones(steps, dtype=bool),
        "loss_scale": np.ones(steps),
    }
    fields |= more
    return Block(statistics=tuple(statistics), present=np.array(present), values=values, **fields)


# -- a small convolutional net --------------------------------------------------------------------

DIGITS = Inventory(
    (
        entry("conv2d", "kernel", "Conv2D", (3, 3, 1, 32)),
        entry("conv2d", "bias", "Conv2D", (32,)),
        entry("batch_norm", "gamma", "BatchNormalization", (32,), "C", status="frozen"),
        entry("batch_norm", "moving_mean", "BatchNormalization", (32,), "C", status="frozen"),
        entry("conv2d_1", "kernel", "Conv2D", (3, 3, 32, 64)),
        entry("conv2d_1", "bias", "Conv2D", (64,)),
        entry("auxiliary", "kernel", "Dense", (64, 4), "u", status="disconnected"),
        entry("dense", "kernel", "Dense", (1600, 10), "u"),
        entry("dense", "bias", "Dense", (10,), "u"),
    )
)
DEAD, NAN_STEP, OVERFLOW_STEP = 21, 611, 0


def digits(steps: int = 900) -> RunSummary:
    return summarise(
        "digits",
        DIGITS,
        digits_blocks(steps),
        digits_findings(),
        ABOUT,
        target="runs/digits",
        every=2,
        notes=("Identical kernels were not looked for: mean is not recorded.",),
        overhead=0.012,
    )


def digits_blocks(steps: int = 900, cut: int = 64) -> Iterator[Block]:
    random = np.random.default_rng(3)
    values, shares = _digits_values(steps, random)
    time = np.arange(steps)
    loss = 2.3 * np.exp(-time / 150) + 0.12 + random.lognormal(-3.2, 0.8, steps)
    loss[NAN_STEP] = np.nan
    status = np.zeros(steps, dtype=np.int8)
    status[OVERFLOW_STEP] = 1
    figures = np.stack([values, values * shares, np.full_like(values, 0.7), values * 4e-3], axis=1)
    for start in range(0, steps, cut):
        part = slice(start, min(start + cut, steps))
        yield block(
            figures[part].astype(np.float32),
            ("l2", "max_abs", "weight_l2", "update_ratio"),
            present=[True] * len(DIGITS.recorded),
            steps=2 * time[part].astype(np.int64),
            learning_rate=1e-3 * (0.5 + 0.5 * np.cos(np.pi * time[part] / steps)),
            loss=loss[part],
            status=status[part],
            elements=_digits_elements(part.stop - part.start),
        )


def _digits_values(steps: int, random: Any) -> tuple[Any, Any]:
    """Norms that fall as training goes on, differ by kernel, and jump about by step."""
    time = np.arange(steps)[:, None]
    columns = []
    for level, weight in zip((0.3, 0.05, 0.2, 0.02, 0.9, 0.1), DIGITS.recorded, strict=True):
        own = random.lognormal(0, 0.7, weight.kernels)
        fall = np.exp(-time / random.uniform(180, 500, weight.kernels)) + 0.04
        columns.append(level * own * fall * random.lognormal(0, 0.35, (steps, weight.kernels)))
    values = np.concatenate(columns, axis=1)
    conv, bias = DIGITS.ranges[:2]
    values[:, conv.start + DEAD] = values[:, bias.start + DEAD] = 0
    values[NAN_STEP] = np.nan
    values[OVERFLOW_STEP] = np.inf
    return values, random.uniform(0.3, 0.8, values.shape[1])


def _digits_elements(steps: int) -> dict[int, tuple[Any, Any]]:
    """Edge and blob filters, as first layers learn them, and gradients that are like noise."""
    y, x = np.mgrid[-1:2, -1:2]
    random = np.random.default_rng(5)
    angles = np.linspace(0, np.pi, 32, endpoint=False)
    waves = [np.sin(1.4 * (x * math.cos(a) + y * math.sin(a)) + a) for a in angles]
    weight = np.stack(waves, axis=-1)[:, :, None, :] * random.uniform(0.1, 0.4, 32)
    gradient = random.normal(0, 0.02, (3, 3, 1, 32)) + 0.05 * weight
    gradient[..., DEAD] = 0
    return {0: (np.tile(gradient, (steps, 1, 1, 1, 1)), np.tile(weight, (steps, 1, 1, 1, 1)))}


def finding(code: str, path: str, message: str, **more: Any) -> GradientFinding:
    fields: dict[str, Any] = {"optimizer": "optimizer", "tap": "raw", "incomplete": False}
    return GradientFinding(code, path, message, **(fields | more))


def digits_findings() -> tuple[GradientFinding, ...]:
    return (
        finding(
            "KA405",
            "conv2d/kernel",
            "conv2d/kernel: kernel 21 had a gradient of exactly 0 on 900 steps in a row",
            name="dead",
            step=0,
            last_step=1798,
            layer="conv2d",
            weight="kernel",
            kernel=DEAD,
            kernels=1,
            share=1 / 32,
            evidence={"max_abs": 0.0, "steps": 900, "first": 2},
            advice="Lower the learning rate, or initialise the bias above 0: a ReLU that is never "
            "above 0 passes no gradient.",
        ),
        finding(
            "KA401",
            "conv2d/kernel",
            "conv2d/kernel: 32 of 32 kernels are not finite at step 1,222",
            name="non-finite",
            step=2 * NAN_STEP,
            last_step=2 * NAN_STEP,
            layer="conv2d",
            weight="kernel",
            kernels=32,
            share=1.0,
            evidence={"l2": "nan", "loss": "nan"},
            advice="Look for a NaN in the batch of that step: the loss was not finite either.",
        ),
    )


# -- a run with names that would do harm ----------------------------------------------------------

SCRIPT = "<script>document.title='owned'</script>"
ESCAPE = "\x1b[31mred\x07"
FORMULA = "=cmd()|'x'!A1"
PIPE = "a|b`c"
HOSTILE = (SCRIPT, ESCAPE, FORMULA, PIPE)


def hostile() -> RunSummary:
    inventory = Inventory(
        (
            *(entry(name, "kernel", f"D{name}", (2, 3)) for name in HOSTILE),
            entry(SCRIPT, PIPE, ESCAPE, (2,), status="frozen"),
        )
    )
    values = np.random.default_rng(0).lognormal(size=(5, 2, inventory.kernels))
    blocks = [block(values, present=[True] * 4)]
    found = finding(
        "KA401",
        SCRIPT,
        f"{SCRIPT}: {ESCAPE}",
        name=PIPE,
        layer=SCRIPT,
        weight="kernel",
        evidence={SCRIPT: ESCAPE, PIPE: SCRIPT},
        advice=SCRIPT,
    )
    about = ABOUT | {"model": SCRIPT, "optimizers": {"optimizer": SCRIPT}, SCRIPT: PIPE}
    return summarise(SCRIPT, inventory, blocks, [found], about, notes=(SCRIPT, ESCAPE))


def empty() -> RunSummary:
    """A training of which nothing was recorded."""
    return summarise("empty", DIGITS, [], [], {}, complete=False)


def plain() -> RunSummary:
    """A training in which nothing is wrong."""
    dense = Inventory((entry("dense", "kernel", "Dense", (4, 2), "u"),))
    values = np.array([[[4.0, 3.0], [2.0, 1.0]], [[2.0, 1.0], [1.0, 0.5]]])
    return replace(
        summarise("plain", dense, [block(values)], [], ABOUT),
        kernel_frames=lambda: iter(plain_frames()),
    )


def plain_frames() -> list[Any]:
    """The table of kernels of `plain` in two pieces, the second of a weight without a gradient."""
    import pandas

    step = {"session": [0, 0], "step": [0, 0], "epoch": [0, 0], "optimizer": ["optimizer"] * 2}
    where = {"layer": ["dense"] * 2, "weight": ["kernel"] * 2, "kernel": [0, 1], "size": [4, 4]}
    figures = {"l2": [4.0, np.nan], "max_abs": [2.0, np.inf]}
    first = pandas.DataFrame(step | where | {"tap": "raw", "status": "ok"} | figures)
    silent = {"session": [0], "layer": ["=b"], "weight": ["bias"], "kernel": [0], "size": [1]}
    return [first, pandas.DataFrame(silent | {"status": "frozen"})]


# -- a run of the size of ResNet50 ----------------------------------------------------------------


def resnet50(steps: int, at_once: int = 50) -> RunSummary:
    """161 weights in 107 layers and about 107,000 kernels, whose figures are noise."""
    inventory = Inventory(tuple(_resnet50_weights()))
    random = np.random.default_rng(1)
    noise = random.lognormal(-4, 1, (at_once, 2, inventory.kernels)).astype(np.float32)
    present = [True] * len(inventory.recorded)
    blocks = (
        block(noise[:, :, :], present=present, first=first) for first in range(0, steps, at_once)
    )
    return summarise("resnet50", inventory, blocks, [], ABOUT | {"model": "resnet50"})


def _resnet50_weights() -> Iterator[WeightEntry]:
    def convolution(name: str, window: int, channels: int, filters: int) -> Iterator[WeightEntry]:
        shape = (window, window, channels, filters)
        yield entry(f"{name}_conv", "kernel", "Conv2D", shape)
        yield entry(f"{name}_conv", "bias", "Conv2D", (filters,))
        yield entry(f"{name}_bn", "gamma", "BatchNormalization", (filters,), "C")
        yield entry(f"{name}_bn", "beta", "BatchNormalization", (filters,), "C")

    yield from convolution("conv1", 7, 3, 64)
    channels = 64
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 2):
        for number in range(1, blocks + 1):
            name = f"conv{stage}_block{number}"
            if number == 1:
                yield from convolution(f"{name}_0", 1, channels, 4 * width)
            yield from convolution(f"{name}_1", 1, channels, width)
            yield from convolution(f"{name}_2", 3, width, width)
            yield from convolution(f"{name}_3", 1, width, 4 * width)
            channels = 4 * width
    yield entry("predictions", "kernel", "Dense", (2048, 1000), "u")
    yield entry("predictions", "bias", "Dense", (1000,), "u")
