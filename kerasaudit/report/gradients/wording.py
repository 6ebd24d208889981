"""How the reports of a run write its figures, its facts and its findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kerasaudit.finding import Finding
from kerasaudit.gradients.rows import Timeline, WeightSummary
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.wording import printable, shape, share

__all__ = [
    "NOTHING",
    "about",
    "advice",
    "evidence",
    "facts",
    "figure",
    "kernels",
    "messages",
    "name_of",
    "partition",
    "power",
    "size",
    "spark",
    "status_line",
    "steps_of",
]

NOTHING = "–"

_SUPERSCRIPTS = str.maketrans("-0123456789.", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹·")
_BARS = "▁▂▃▄▅▆▇█"
# What is told apart in a line of bars: it is not finite; it is exactly 0; there is nothing.
NON_FINITE, ZERO, EMPTY = "!", "·", " "


def figure(value: float | None) -> str:
    """A figure with three digits that count; "–" where there is none.

    >>> figure(0.00123456), figure(1.5e-9), figure(0.0), figure(None), figure(float("nan"))
    ('0.00123', '1.5e-09', '0', '–', 'not finite')
    """
    if value is None:
        return NOTHING
    return f"{value:.3g}" if math.isfinite(value) else "not finite"


def power(exponent: float) -> str:
    """A power of ten.

    >>> power(-4), power(0.5)
    ('10⁻⁴', '10⁰·⁵')
    """
    return "10" + f"{exponent:g}".translate(_SUPERSCRIPTS)


def partition(
    results: Iterable[RunSummary | Failure],
) -> tuple[list[RunSummary], list[Failure]]:
    """The runs and the failures, each in order."""
    runs: list[RunSummary] = []
    failures: list[Failure] = []
    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
        else:
            runs.append(result)
    return runs, failures


def status_line(run: RunSummary) -> str:
    """The status in words, with how many findings there are."""
    number = len(run.findings)
    words = f"{number:,} {'finding' if number == 1 else 'findings'}"
    if run.status == "incomplete":
        return f"incomplete, {words}" if number else "incomplete"
    return words if number else "ok"


def about(run: RunSummary) -> str:
    """The class of the model, its name where the run has another, and what was asked for."""
    model = str(run.about.get("model", ""))
    parts = [str(run.about.get("class_name", "")), model if model != run.name else "", run.target]
    return " · ".join(printable(part) for part in parts if part)


def facts(run: RunSummary) -> list[tuple[str, str]]:
    """What is said of the run as a whole."""
    found = [("recorded steps", text) for text in map(_steps, run.timelines)]
    if not found:
        found = [("recorded steps", "none")]
    if run.every != 1:
        found.append(("recorded", f"every {run.every:,} steps"))
    if run.sessions > 1:
        found.append(("trainings", f"{run.sessions:,}, one after the other"))
    every = len({(w.layer, w.weight) for w in run.weights})
    found.append(("weights", f"{every:,} of {every + len(run.silent):,} with a gradient"))
    found.append(("kernels", f"{run.kernels:,}"))
    found += [(_owner(name), str(text)) for name, text in _items(run.about.get("optimizers"))]
    taps = dict.fromkeys(stream.tap for stream in run.streams)
    if taps:
        found.append(("taps", ", ".join(taps)))
    if run.statistics:
        found.append(("statistics", ", ".join(run.statistics)))
    if run.overhead is not None:
        found.append(("recorder", f"{share(run.overhead)} of the training's time, on the host"))
    if run.about.get("jit_compile"):
        found.append(("compiled", "by XLA"))
    if run.about.get("steps_per_execution", 1) != 1:
        found.append(("steps per execution", str(run.about["steps_per_execution"])))
    return [(name, printable(text)) for name, text in found]


def _items(mapping: Any) -> Iterator[tuple[str, Any]]:
    yield from mapping.items() if isinstance(mapping, dict) else ()


def _owner(name: str) -> str:
    return "optimizer" if name == "optimizer" else f"optimizer {printable(name)}"


def _steps(line: Timeline) -> str:
    text = f"{line.steps:,} ({line.span})"
    for number, words in (
        (sum(line.overflow), "skipped after an overflow"),
        (sum(line.accumulated), "that only accumulated"),
    ):
        text += f", {number:,} {words}" if number else ""
    return text if line.optimizer == "optimizer" else f"{line.optimizer}: {text}"


def size(weight: WeightSummary) -> str:
    """How a weight falls into kernels."""
    noun = "element" if weight.size == 1 else "elements"
    number = "one kernel" if weight.kernels == 1 else f"{weight.kernels:,} kernels"
    return f"{shape(weight.shape)} · {number} of {weight.size:,} {noun}"


def name_of(weight: WeightSummary, run: RunSummary) -> str:
    """The path of a weight, with its optimizer where the run has several."""
    several = len(run.timelines) > 1
    return f"{weight.path} [{weight.optimizer}]" if several else weight.path


# -- findings -------------------------------------------------------------------------------------


def kernels(finding: Finding) -> str | None:
    """Which kernels a finding speaks of, or how many."""
    kernel, number = getattr(finding, "kernel", None), getattr(finding, "kernels", None)
    if kernel is not None:
        return f"{kernel}"
    if number is None:
        return None
    part = getattr(finding, "share", None)
    return f"{number:,}" if part is None else f"{number:,} ({share(part)})"


def steps_of(finding: Finding) -> str | None:
    """The steps that a finding speaks of."""
    first, last = getattr(finding, "step", None), getattr(finding, "last_step", None)
    if first is None:
        return None
    return f"{first:,}" if last in (None, first) else f"{first:,} to {last:,}"


def evidence(finding: Finding) -> list[tuple[str, str]]:
    """Where and when, and the figures, each with its name."""
    kernel, steps = getattr(finding, "kernel", None), steps_of(finding)
    found = [
        ("at steps" if " to " in (steps or "") else "at step", steps),
        ("kernel" if kernel is not None else "kernels", kernels(finding)),
        ("expected", finding.expected),
        ("observed", finding.observed),
        ("cause", finding.cause),
    ]
    tap = getattr(finding, "tap", "")
    found.append(("tap", tap if tap not in ("", "raw") else None))
    named = [(str(name), _evidence(v)) for name, v in getattr(finding, "evidence", {}).items()]
    return [(printable(n), printable(v)) for n, v in (*found, *named) if v is not None]


def _evidence(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def advice(finding: Finding) -> str:
    """What to do."""
    return str(getattr(finding, "advice", ""))


def messages(run: RunSummary) -> list[str]:
    """What was rolled up, and what else there is to say."""
    return [*run.rolled, *run.notes]


# -- a line of bars -------------------------------------------------------------------------------


def spark(values: Sequence[float | None], bad: Sequence[int], width: int) -> str:
    """The columns as bars on a logarithmic scale of their own, in at most `width` characters.

    >>> spark([1.0, 10.0, 0.0, None, 100.0], [0, 0, 0, 1, 0], 5)
    '▁▅·!█'
    """
    positive = [math.log10(value) for value in values if value]
    low, high = (min(positive), max(positive)) if positive else (0.0, 0.0)
    step = max(1, math.ceil(len(values) / width))
    return "".join(
        _bar(values[at : at + step], bad[at : at + step], low, high)
        for at in range(0, len(values), step)
    )


def _bar(values: Sequence[float | None], bad: Sequence[int], low: float, high: float) -> str:
    known = [value for value in values if value is not None]
    if any(bad):
        return NON_FINITE
    if not known:
        return EMPTY
    top = max(known)
    if top == 0:
        return ZERO
    place = (math.log10(top) - low) / (high - low) if high > low else 0.5
    return _BARS[round(place * (len(_BARS) - 1))]
