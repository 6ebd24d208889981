"""The update audit: one real optimizer step beside the derived one: `kerasaudit.check_update`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasaudit.backprop.one_step import TakenStep, take_step, with_gradients
from kerasaudit.backprop.optimizers.fitting import Target, at, fitted
from kerasaudit.backprop.optimizers.round_off import EPSILONS, tolerances
from kerasaudit.backprop.optimizers.rule import Array
from kerasaudit.backprop.optimizers.schedules import learning_rate, scale
from kerasaudit.backprop.optimizers.step import State
from kerasaudit.backprop.optimizers.terms import Variation, variations
from kerasaudit.backprop.update_kinds import RATE, STATE, UPDATE
from kerasaudit.errors import AuditError, ConfigError, UnsupportedError, one_line
from kerasaudit.finding import Finding, Kind
from kerasaudit.gradients.batch import check_model

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "UpdateCheck", "UpdateRow", "check_update"]

COLUMNS: Mapping[str, tuple[str, str]] = {
    "weight": ("string", "path of the weight"),
    "slot": ("string", "the optimizer's array for it; missing: the weight itself"),
    "dtype": ("string", "dtype of the weight"),
    "shape": ("object", "its shape"),
    "status": ("string", "ok or mismatch"),
    "index": ("object", "the element that the figures are of: the one that is out by most"),
    "before": ("float64", "its value before the step"),
    "derived": ("float64", "its change by the optimizer's formula"),
    "observed": ("float64", "its change in the real step"),
    "difference": ("float64", "observed less derived"),
    "tolerance": ("float64", "what round-off can do to it"),
    "derived_l2": ("float64", "the norm of the derived change, over all elements"),
    "observed_l2": ("float64", "the norm of the real one"),
    "explanation": ("string", "the term that explains a mismatch, if one alone does"),
}
_SHOWN_EXPLANATIONS = 3


@dataclass(frozen=True, slots=True, eq=False)
class UpdateRow:
    """One weight, or one of the optimizer's arrays for it, in the step.

    Args:
        weight: its path.
        slot: the name of the optimizer's array; `None`: the weight itself.
        dtype: of the weight.
        before: its values before the step.
        derived: what the formula changes them by.
        observed: what the step changed them by.
        tolerance: what round-off can do to each of them.
        explanation: the term that explains the difference; `None`: there is none, or no term does.
    """

    weight: str
    slot: str | None
    dtype: str
    before: Array
    derived: Array
    observed: Array
    tolerance: Array
    explanation: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every element changed as derived, within its tolerance."""
        return bool(_within(self.derived, self.observed, self.tolerance).all())

    @property
    def worst(self) -> tuple[int, ...]:
        """The index of the element that is out by most, in units of its tolerance."""
        if not self.derived.size:
            return ()
        with np.errstate(all="ignore"):
            units = np.abs(self.observed - self.derived) / self.tolerance
        outside = ~_within(self.derived, self.observed, self.tolerance)
        units = np.where(outside & ~np.isfinite(units), np.inf, np.nan_to_num(units, posinf=0.0))
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(units)), units.shape))

    def figures(self) -> dict[str, Any]:
        """The row as the frame has it."""
        index = self.worst
        figures = {
            name: float(getattr(self, name)[index]) if self.derived.size else float("nan")
            for name in ("before", "derived", "observed", "tolerance")
        }
        return {
            "weight": self.weight,
            "slot": self.slot,
            "dtype": self.dtype,
            "shape": self.derived.shape,
            "status": "ok" if self.ok else "mismatch",
            "index": index,
            **figures,
            "difference": figures["observed"] - figures["derived"],
            "derived_l2": float(np.linalg.norm(self.derived)),
            "observed_l2": float(np.linalg.norm(self.observed)),
            "explanation": self.explanation,
        }


@dataclass(frozen=True, slots=True, eq=False)
class UpdateCheck:
    """One real step beside the derived one.

    Args:
        model: its name.
        optimizer: the class of the optimizer.
        checked_as: the class of Keras's whose formula it was held against: its own, or the one
            that a user's optimizer derives from.
        formula: that formula.
        learning_rate: of the step.
        step: how often the optimizer had been called before.
        weights: a row for each weight.
        slots: a row for each array that the optimizer holds for a weight.
        findings: what is wrong.
    """

    model: str
    optimizer: str
    checked_as: str
    formula: str
    learning_rate: float
    step: int
    weights: tuple[UpdateRow, ...]
    slots: tuple[UpdateRow, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the step is the derived one, in the weights and in the optimizer's state."""
        return not self.findings

    def to_frame(self, table: str = "weights") -> pandas.DataFrame:
        """The "weights" or the "slots" as a DataFrame with the documented `COLUMNS`.

        Raises:
            ConfigError: there is no such table.
        """
        import pandas as pd

        if table not in ("weights", "slots"):
            raise ConfigError(f"table: expected 'weights' or 'slots', received {table!r}")
        rows = [row.figures() for row in getattr(self, table)]
        frame = {
            name: pd.Series([row[name] for row in rows], dtype=dtype)
            for name, (dtype, _) in COLUMNS.items()
        }
        return pd.DataFrame(frame)

    def raise_if_failed(self) -> None:
        """Raise `AuditError` with a line for each finding, if there is one."""
        if self.findings:
            raise AuditError([f"{f.code} {f.message}" for f in self.findings])


def check_update(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    gradients: Mapping[str, Any] | None = None,
    keep: bool = False,
) -> UpdateCheck:
    """Take one real optimizer step, and reconcile each weight with the derived update.

    The step is the model's own: its training step, its loss, its optimizer's code, on the whole
    batch at once, uncompiled. The update is derived in NumPy from the optimizer's config, its
    state before the step and the gradients that it was given. The optimizer's state after the step
    is reconciled as well. Where they differ the step is derived again with one term left out,
    doubled or changed, and the term that gives what was observed is named.

    An optimizer of a class of the user's own is held against the class of Keras's that it derives
    from. Unless the step is kept, the model and its optimizer are as before, save that an optimizer
    that had no state yet has been given one.

    Args:
        model: a compiled Keras model.
        x: a batch's input, as `train_on_batch` takes it.
        y: its targets.
        sample_weight: a weight for each example, or `None`.
        gradients: gradients by weight path to derive the update from (those of
            `kerasaudit.backprop`, say); `None`: those that the optimizer was given.
        keep: leave the step taken.

    Raises:
        ConfigError: the model is not compiled, or the gradients are not of its weights.
        UnsupportedError: there is no formula for the optimizer or for a constraint.
        TargetError: the model cannot be trained on this batch.

    A dense unit without bias, o = w·x, from w = (1, 1) with the loss (o − t)², whose gradient is
    2 (o − t) x = 10 · (3, 4): plain gradient descent takes α times that off.

    >>> import numpy as np, keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(
    ...     1, use_bias=False, kernel_initializer="ones", name="out")])
    >>> model.compile(keras.optimizers.SGD(0.125), "mse")
    >>> check = check_update(model, np.array([[3.0, 4.0]]), np.array([[2.0]]))
    >>> check.weights[0].derived.ravel().tolist(), check.ok  # −0.125 · 10 · (3, 4)
    ([-3.75, -5.0], True)
    """
    check_model(model)
    if not getattr(model, "compiled", False) or getattr(model, "optimizer", None) is None:
        raise ConfigError(
            f"model {model.name!r}: expected one compiled with an optimizer, received one that is "
            "not"
        )
    taken = take_step(model, x, y, sample_weight, keep=keep)
    if gradients is not None:
        taken = with_gradients(taken, gradients)
    with np.errstate(all="ignore"):  # a gradient that is not finite is carried through
        return _checked(model.name, taken, of_another=gradients is not None)


def _checked(name: str, taken: TakenStep, *, of_another: bool) -> UpdateCheck:
    optimizer, before = taken.optimizer, taken.before
    derived = optimizer.step(before, taken.gradients)
    allowed = tolerances(
        optimizer, before, taken.gradients, taken.dtypes, relative_to_largest=of_another
    )
    targets: list[Target] = [(None, path) for path in before.weights]
    targets += [(slot, path) for slot, held in before.slots.items() for path in held]
    rows = {
        target: UpdateRow(
            target[1],
            target[0],
            taken.dtypes[target[1]],
            at(before, target),
            at(derived, target) - at(before, target),
            at(taken.after, target) - at(before, target),
            at(allowed, target),
        )
        for target in targets
    }
    wrong = [target for target, row in rows.items() if not row.ok]
    for target, text in _explanations(taken, wrong, allowed, of_another=of_another).items():
        rows[target] = replace(rows[target], explanation=text)
    return UpdateCheck(
        model=name,
        optimizer=taken.class_name,
        checked_as=optimizer.inner.class_name,
        formula=optimizer.rule.formula,
        learning_rate=optimizer.learning_rate(before.calls),
        step=before.calls,
        weights=tuple(row for target, row in rows.items() if target[0] is None),
        slots=tuple(row for target, row in rows.items() if target[0] is not None),
        findings=(
            *_of_rate(taken),
            *(_of_row(rows[target], taken) for target in wrong),
            *_of_counters(derived, allowed, taken),
        ),
    )


def _within(derived: Array, observed: Array, tolerance: Array) -> Any:
    same = (derived == observed) | (np.isnan(derived) & np.isnan(observed))
    return same | (np.abs(observed - derived) <= tolerance)


# -- what explains a difference -----------------------------------------------------------------


def _explanations(
    taken: TakenStep, wrong: Sequence[Target], allowed: State, *, of_another: bool
) -> dict[Target, str]:
    """The terms that explain each target, those first that explain the most."""
    if not wrong:
        return {}
    found: dict[Target, list[str]] = {target: [] for target in wrong}

    def try_out(tried: Iterable[Variation], targets: Sequence[Target]) -> None:
        explained = {
            variation.text: _explained(variation, taken, targets, of_another) for variation in tried
        }
        for text in sorted(explained, key=lambda text: -len(explained[text])):
            for target in explained[text]:
                found[target].append(text)

    step = (taken.optimizer, taken.before, taken.gradients)
    try_out(variations(*step, taken.squares), wrong)
    for of_weights in (True, False):
        left = [t for t in wrong if not found[t] and (t[0] is None) is of_weights]
        if left:
            try_out(fitted(*step, taken.after, left, allowed), left)
    for target in wrong:  # a rate of its own: a layer that learns faster
        if target[0] is None and not found[target]:
            try_out(fitted(*step, taken.after, [target], allowed), [target])
    return {
        target: " or ".join(texts[:_SHOWN_EXPLANATIONS]) for target, texts in found.items() if texts
    }


def _explained(
    variation: Variation, taken: TakenStep, targets: Sequence[Target], of_another: bool
) -> list[Target]:
    """The targets that changed as a variation of the step has it."""
    after = variation.step()
    allowed = tolerances(
        variation.optimizer,
        variation.state,
        variation.gradients,
        taken.dtypes,
        relative_to_largest=of_another,
    )
    return [
        target
        for target in targets
        if _within(at(after, target), at(taken.after, target), at(allowed, target)).all()
    ]


# -- what is found ------------------------------------------------------------------------------


def _of_row(row: UpdateRow, taken: TakenStep) -> Finding:
    index = row.worst
    name, where = taken.optimizer.inner.class_name, f"[{', '.join(map(str, index))}]"
    derived, observed = float(row.derived[index]), float(row.observed[index])
    subject = repr(row.weight) if row.slot is None else f"{row.slot} of {row.weight!r}"
    because = (
        "no single term of the update explains it"
        if row.explanation is None
        else f"explained by {row.explanation}"
    )
    return _finding(
        UPDATE if row.slot is None else STATE,
        row.weight if row.slot is None else f"{row.weight} ({row.slot})",
        f"{subject}: expected a change of {derived:.6g} at {where} ({name}), received "
        f"{observed:.6g}; {because}",
        formula=taken.optimizer.rule.formula,
        expected=f"{derived:.9g}",
        observed=f"{observed:.9g}",
        cause=row.explanation,
    )


def _of_rate(taken: TakenStep) -> Iterator[Finding]:
    """Whether the learning rate of the step is the schedule's."""
    configured, calls = taken.optimizer.inner.config["learning_rate"], taken.before.calls
    if not isinstance(configured, Mapping):
        return
    try:
        expected = learning_rate(configured, calls)
    except UnsupportedError:
        return  # a schedule of the user's own: its rate is taken as it is
    received = taken.optimizer.learning_rate(calls)
    if _same_rate(configured, expected, received):
        return
    schedule = configured["class_name"]
    name = str(taken.optimizer.inner.config["name"])
    yield _finding(
        RATE,
        name,
        f"{name!r}: expected a learning rate of {expected:.6g} at step {calls} ({schedule}), "
        f"received {received:.6g}{_of_which_step(configured, calls, received)}",
        expected=f"{expected:.9g}",
        observed=f"{received:.9g}",
    )


def _of_which_step(configured: Mapping[str, Any], calls: int, received: float) -> str:
    for step in (calls + 1, calls - 1, 0):
        if step >= 0 and _same_rate(configured, learning_rate(configured, step), received):
            return f", which is that of step {step}"
    return ""


def _same_rate(configured: Mapping[str, Any], expected: float, received: float) -> bool:
    # Keras works schedules out in float32, in a handful of operations.
    allowed = EPSILONS["float32"] * (64 * abs(expected) + 4 * scale(configured))
    return abs(received - expected) <= allowed


def _of_counters(derived: State, allowed: State, taken: TakenStep) -> Iterator[Finding]:
    """Whether what the optimizer holds once is as derived: its calls, a loss scale, a product."""
    after, name = taken.after, str(taken.optimizer.inner.config["name"])
    held = {"iterations": (float(derived.calls), float(after.calls), 0.0)}
    held |= {
        key: (value, after.shared[key], allowed.shared[key])
        for key, value in derived.shared.items()
    }
    for key, (expected, received, tolerance) in held.items():
        if expected == received or abs(received - expected) <= tolerance:
            continue
        yield _finding(
            STATE,
            f"{name} ({key})",
            f"{key} of {name!r}: expected {expected:.9g} after the step, received {received:.9g}",
            expected=f"{expected:.9g}",
            observed=f"{received:.9g}",
        )


def _finding(kind: Kind, path: str, message: str, **figures: Any) -> Finding:
    return Finding(kind.code, path, one_line(message, 1000), kind.incomplete, **figures)
