"""Derived against observed: a row for each layer, and a finding wherever the two part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kerasaudit.derivation.architecture import Architecture, Layer
from kerasaudit.derivation.shape import compatible, total
from kerasaudit.derivation.weight import Weight
from kerasaudit.finding import Finding
from kerasaudit.observation.live import LEFTOVER
from kerasaudit.observation.observed import Observation, ObservedLayer
from kerasaudit.pattern import fits
from kerasaudit.reconciliation.compare import Pair, compare, pairs, size_of
from kerasaudit.reconciliation.figures import with_figures
from kerasaudit.reconciliation.findings import finding
from kerasaudit.reconciliation.result import (
    AxisRow,
    CallRow,
    LayerRow,
    Totals,
    WeightRow,
)
from kerasaudit.reconciliation.stored import is_merged
from kerasaudit.reconciliation.unrecorded import unrecorded

__all__ = ["Reconciled", "reconcile"]

_CODES = {
    "unsupported": "KA108",
    "config": "KA109",
    "shape": "KA109",
    "rule": "KA109",
    "no shape": "KA110",
    "not called": "KA111",
    "declared": "KA112",
}


@dataclass(slots=True)
class Reconciled:
    """What reconciliation found, before claims are judged."""

    rows: list[LayerRow] = field(default_factory=list)
    calls: list[CallRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    totals: Totals | None = None


def reconcile(
    observation: Observation, architecture: Architecture | None, exempt: Mapping[str, str]
) -> Reconciled:
    """Reconcile what was derived (`None`: nothing could be) with what was observed."""
    work = _Reconciliation(observation, architecture, exempt)
    work.enter_rows()
    work.check_totals()
    result = work.result
    if result.totals is not None:
        result.rows, result.calls, result.totals = with_figures(
            result.rows, result.calls, result.totals, architecture
        )
    return result


class _Reconciliation:
    def __init__(
        self,
        observation: Observation,
        architecture: Architecture | None,
        exempt: Mapping[str, str],
    ) -> None:
        self.observation = observation
        self.architecture = architecture
        self.exempt = exempt
        self.stored = observation.stored
        self.side = "stored" if self.stored else "observed"
        self.result = Reconciled()
        self.hazards: dict[str, list[Finding]] = {}  # what a file carries, by layer
        for hazard in observation.hazards:
            self.hazards.setdefault(hazard.path, []).append(hazard)
        self.counted: dict[int, str] = {}  # variable identity → the weight that it is counted as
        self.applied: set[str] = set()

    # -- rows -----------------------------------------------------------------------------------

    def enter_rows(self) -> None:
        observed = dict(self.observation.layers or {})
        for layer in self.architecture.layers if self.architecture else ():
            if layer.path == LEFTOVER and self.observation.own:
                continue  # the model's own code and its own weights are one row
            self._enter(layer.path, layer, observed.pop(layer.path, None))
        for path, rest in observed.items():
            self._enter(path, None, rest)
        self._enter_leftover()
        rows = {row.path for row in self.result.rows}
        elsewhere = [one for one in self.observation.hazards if one.path not in rows]
        for pattern in self.exempt:
            if pattern not in self.applied:
                message = f"exempt {pattern!r}: no layer that needs an exemption has that path"
                self.result.findings.append(finding("KA115", pattern, message))
        if self.architecture:
            self.result.calls += [
                CallRow(
                    layer=call.path,
                    call=call.number,
                    class_name=call.class_name,
                    input_shapes=call.input_shapes,
                    output_shape=call.output_shape,
                    macs=call.macs,
                    declared=call.declared,
                )
                for call in self.architecture.calls
            ]
        self._check_outputs()
        self._check_trace()
        self.result.findings += elsewhere

    def _enter(self, path: str, layer: Layer | None, observed: ObservedLayer | None) -> None:
        derived = layer.weights if layer else None
        held_weights = observed.weights if observed else None
        paired = list(pairs(layer, held_weights, stored=self.stored))
        findings = list(self._findings(path, layer, observed, paired))
        status, reason = self._status(path, derived, findings)
        if status != "exempt":
            self.result.findings += [*findings, *self.hazards.get(path, ())]
        weights = tuple(self._weight_row(path, pair) for pair in paired)
        derivation = layer.derivation if layer else None
        complete = derived is not None
        held = observed is not None and observed.weights is not None
        held_class = observed.class_name if observed else ""
        self.result.rows.append(
            LayerRow(
                path=path,
                class_name=layer.config.class_name if layer else held_class,
                status=status,
                formula=(derivation.formula or None) if derivation else None,
                working=(derivation.working or None) if derivation else None,
                derived=_count(weights, "derived") if complete else None,
                observed=_count(weights, "observed") if held and not self.stored else None,
                stored=_count(weights, "stored") if held and self.stored else None,
                reported=observed.params if observed else None,
                trainable=self._parted(weights, complete, held, trainable=True),
                non_trainable=self._parted(weights, complete, held, trainable=False),
                macs=layer.macs if layer else None,
                output_shape=layer.calls[0].output_shape if layer and layer.calls else None,
                calls=len(layer.calls) if layer else 0,
                weights=weights,
                reason=reason,
                logical=_count(weights, "logical") if complete else None,
                adapter=_count(tuple(w for w in weights if w.role == "adapter"), "derived")
                if complete
                else None,
            )
        )

    def _status(
        self, path: str, derived: tuple[Weight, ...] | None, findings: list[Finding]
    ) -> tuple[str, str | None]:
        waiver = next((p for p in self.exempt if fits(path, p)), None)
        if waiver is not None and (findings or path in self.hazards):
            self.applied.add(waiver)
            return "exempt", self.exempt[waiver]
        codes = {found.code for found in findings}
        reason = findings[0].message if findings else None
        if "KA111" in codes:
            return "unbuilt", reason
        if derived is None or codes & {"KA108", "KA109", "KA110", "KA113", "KA114"}:
            return "unsupported", reason
        return ("mismatch", reason) if findings else ("ok", None)

    def _weight_row(self, path: str, pair: Pair) -> WeightRow:
        derived, observed = pair.derived, pair.observed
        name = derived.name if derived else observed.name if observed else ""
        shared = self.counted.get(observed.identity) if observed else None
        if observed and shared is None:
            self.counted[observed.identity] = f"{path}/{name}"
        return WeightRow(
            layer=path,
            name=name,
            path=observed.path if observed else None,
            shape=derived.shape if derived else observed.shape if observed else None,
            axes=_axis_rows(derived),
            formula=derived.formula if derived else None,
            working=derived.working if derived else None,
            derived=derived.count if derived else None,
            observed_shape=observed.shape if observed and not self.stored else None,
            observed=size_of(observed) if observed and not self.stored else None,
            dtype=observed.dtype if observed else derived.dtype if derived else None,
            trainable=derived.trainable if derived else observed.trainable if observed else None,
            role=derived.role if derived else None,
            logical=derived.logical if derived else None,
            shared_with=shared,
            stored_shape=observed.shape if observed and self.stored else None,
            stored=size_of(observed) if observed and self.stored else None,
        )

    def _parted(
        self, weights: tuple[WeightRow, ...], derived: bool, held: bool, *, trainable: bool
    ) -> int | None:
        """The trainable (or other) part of the derived count, or of what is held where none is."""
        side = "derived" if derived else self.side
        unknown = any(weight.trainable is None for weight in weights)
        if unknown or not (derived or held):
            return None
        return _count(tuple(w for w in weights if w.trainable is trainable), side)

    def _enter_leftover(self) -> None:
        own = self.observation.own
        if not own:
            return
        weights = tuple(self._weight_row(LEFTOVER, Pair(None, weight)) for weight in own)
        count = sum(map(size_of, own))
        layers = self.architecture.layers if self.architecture else ()
        code = next((layer for layer in layers if layer.path == LEFTOVER), None)
        holder = "the file" if self.stored else "the model itself"
        message = f"{holder} holds {count:,} parameter(s) that belong to none of its layers"
        self.result.findings.append(finding("KA116", LEFTOVER, message, observed=str(count)))
        self.result.rows.append(
            LayerRow(
                path=LEFTOVER,
                class_name=self.observation.class_name,
                status="unsupported",
                formula=None,
                working=None,
                derived=None,
                observed=None if self.stored else count,
                stored=count if self.stored else None,
                reported=None,
                trainable=self._parted(weights, False, True, trainable=True),
                non_trainable=self._parted(weights, False, True, trainable=False),
                macs=code.macs if code else None,
                output_shape=None,
                calls=0,
                weights=weights,
                reason=message,
            )
        )

    # -- findings -------------------------------------------------------------------------------

    def _findings(
        self,
        path: str,
        layer: Layer | None,
        observed: ObservedLayer | None,
        paired: list[Pair],
    ) -> Iterator[Finding]:
        if layer is None:
            yield from self._outside_config(path, observed)
            return
        for problem in layer.problems:
            yield finding(_CODES[problem.kind], path, problem.message)
        if self.observation.layers is not None:
            yield from self._against_observed(path, layer, observed, paired)

    def _against_observed(
        self, path: str, layer: Layer, observed: ObservedLayer | None, paired: list[Pair]
    ) -> Iterator[Finding]:
        if observed is None:
            if layer.weights and not layer.config.is_operation:
                message = f"{layer.config}: it is in the config, but the model has no such layer"
                yield finding("KA113", path, message)
            return
        if observed.weights is None:
            if not any(problem.kind == "not called" for problem in layer.problems):
                yield finding("KA111", path, f"{layer.config}: it is not built, it has no weights")
            return
        if layer.weights is not None:
            compared = [pair for pair in paired if not (self.stored and _is_merged(pair))]
            explained, rest = unrecorded(layer, compared)
            yield from explained
            yield from compare(layer, observed, rest)
        yield from self._lost_sharing(path, layer, observed)
        held = sum(map(size_of, observed.weights))
        if observed.params is not None and observed.params != held:
            yield finding(
                "KA106",
                path,
                f"{layer.config}: count_params() says {observed.params:,}, "
                f"its weights add up to {held:,}",
                expected=str(held),
                observed=str(observed.params),
                difference=observed.params - held,
            )

    def _lost_sharing(self, path: str, layer: Layer, observed: ObservedLayer) -> Iterator[Finding]:
        """A layer that the model has once and its config twice: in two models, or in and outside.

        A config refers to a layer by its name within one model, so it cannot say "the same one".
        """
        shared = [w for w in observed.weights or () if w.identity in self.counted]
        trace = self.observation.trace
        in_code = trace is not None and any(
            path.startswith(f"{one.path}/") for one in trace.layers if one.holds_layers
        )
        if not shared or in_code or self.observation.config is None:
            return
        count = sum(map(size_of, shared))
        other = self.counted[shared[0].identity]
        yield finding(
            "KA121",
            path,
            f"{layer.config}: {count:,} parameter(s) are the same as {other!r} and count once, but "
            f"its config (to_json) lists them twice: a model made from it holds {count:,} more",
            difference=count,
        )

    @property
    def _only_stored(self) -> bool:
        """Whether a file is all there is: one finding says so for all its layers."""
        return self.stored and self.architecture is None

    def _outside_config(self, path: str, observed: ObservedLayer | None) -> Iterator[Finding]:
        if self._only_stored:
            return
        class_name = observed.class_name if observed else "layer"
        if self.architecture is None:
            message = f"layer {path!r} ({class_name}): {self.observation.config_error}"
            yield finding("KA114", path, message)
            return
        holder = "the file" if self.stored else "the model"
        message = f"layer {path!r} ({class_name}): {holder} has it, its config does not list it"
        yield finding("KA113", path, message)

    def _check_trace(self) -> None:
        trace = self.observation.trace
        if trace is not None and trace.error is not None:
            why = self.observation.config_error or "layers of it hold layers in code of their own"
            message = (
                f"{why}; {trace.error}: each layer is derived from the shapes that it was built "
                "with, and MACs are not known"
            )
            self.result.findings.append(finding("KA122", "total", message))

    def _check_outputs(self) -> None:
        recorded = self.observation.output_shapes
        derived = self.architecture.output_shapes if self.architecture else ()
        if derived and recorded is not None and len(derived) != len(recorded):
            message = f"{len(derived)} output(s) in the config, {len(recorded)} of the model"
            self.result.findings.append(
                finding("KA112", "total", message, expected=str(derived), observed=str(recorded))
            )
        for number, (one, other) in enumerate(zip(derived, recorded or (), strict=False)):
            if one is not None and not compatible(one, other):
                message = f"output {number}: the derived shape is {one}, the model's is {other}"
                self.result.findings.append(
                    finding("KA112", "total", message, expected=str(one), observed=str(other))
                )

    def _check_summary(self) -> None:
        """What Keras prints of a model that is not built looks like a figure, and is none."""
        state = self.observation.state
        if state is not None and not self.observation.built and self.result.rows:
            message = (
                f"the model is not built, and its summary() says 'Total params: "
                f"{state.summary_total:,}' all the same: it leaves out what is not built"
            )
            self.result.findings.append(
                finding("KA123", "total", message, observed=str(state.summary_total))
            )

    def check_totals(self) -> None:
        """Sum the rows, and hold the sum against the model's own total."""
        rows, reported = self.result.rows, self.observation.params
        if not rows and not self._only_stored:
            message = "the model has no layers: there is nothing to audit"
            self.result.findings.append(finding("KA111", "total", message))
        if self._only_stored:
            message = self.observation.config_error or "the file's config holds no graph"
            self.result.findings.append(finding("KA114", "total", message))
        self._check_summary()
        held_anything = self.observation.layers is not None and self.observation.built
        held = sum(getattr(row, self.side) or 0 for row in rows) if held_anything else None
        # What an unbuilt layer will hold is not known, so neither is the whole; it is not 0.
        unbuilt = any(layer.weights is None for layer in (self.observation.layers or {}).values())
        whole_held = None if unbuilt else held
        derivable = [row for row in rows if row.derived is not None]
        partly = sum(row.derived or 0 for row in derivable)
        whole = bool(rows) and len(derivable) == len(rows)
        derived = partly if whole else None
        if reported is not None and held is not None and reported != held:
            self.result.findings.append(
                finding(
                    "KA107",
                    "total",
                    f"the model's count_params() says {reported:,}, its rows add up to {held:,}",
                    expected=str(held),
                    observed=str(reported),
                    difference=reported - held,
                )
            )
        parted = [(row.trainable, row.non_trainable) for row in rows]
        known = bool(rows) and all(part is not None for pair in parted for part in pair)
        macs = [row.macs for row in rows]
        self.result.totals = Totals(
            params=derived if derived is not None else whole_held,
            derived=derived,
            observed=None if self.stored else whole_held,
            stored=whole_held if self.stored else None,
            reported=reported,
            trainable=sum(pair[0] or 0 for pair in parted) if known else None,
            non_trainable=sum(pair[1] or 0 for pair in parted) if known else None,
            macs=None if None in macs or not rows else sum(m for m in macs if m is not None),
            derived_partly=partly,
            layers=len(rows),
            layers_derived=len(derivable),
            layers_unsupported=sum(row.status in ("unsupported", "unbuilt") for row in rows),
            layers_exempt=sum(row.status == "exempt" for row in rows),
            coverage=_coverage(rows, derivable, self.side, whole_held),
            logical=total(row.logical for row in rows) if rows else None,
            adapter=total(row.adapter for row in rows) if rows else None,
            **(_held_besides(self.observation) if whole_held is not None else {}),
        )


def _held_besides(observation: Observation) -> dict[str, Any]:
    """The weights that are not trained, by why, and what is held that is no weight."""
    state = observation.state
    if observation.stored:  # of which no file says whether it is trained
        return {"optimizer_state": state.optimizer} if state is not None else {}
    layers = (observation.layers or {}).values()
    weights = [w for layer in layers for w in layer.weights or ()] + list(observation.own)
    still = [w for w in {w.identity: w for w in weights}.values() if not w.trainable]
    figures = {
        "statistics": sum(size_of(weight) for weight in still if weight.statistic),
        "frozen": sum(size_of(weight) for weight in still if not weight.statistic),
    }
    if state is None:
        return figures
    return {
        **figures,
        "seed_state": state.seeds,
        "recurrent_state": state.recurrent,
        "metric_state": state.metrics,
        "optimizer_state": state.optimizer,
        "summary_params": state.summary_total,
    }


def _is_merged(pair: Pair) -> bool:
    return pair.observed is None and pair.derived is not None and is_merged(pair.derived)


def _axis_rows(weight: Weight | None) -> tuple[AxisRow, ...]:
    if weight is None:
        return ()
    return tuple(
        AxisRow(axis.symbol, axis.extent, axis.symbol in weight.unit, axis.labels)
        for axis in weight.axes
    )


def _count(weights: tuple[WeightRow, ...], side: str) -> int:
    """The elements of the weights that are counted here, on one side."""
    return sum(getattr(weight, side) or 0 for weight in weights if weight.shared_with is None)


def _coverage(
    rows: list[LayerRow], derivable: list[LayerRow], side: str, held: int | None
) -> float | None:
    if held:
        return sum(getattr(row, side) or 0 for row in derivable) / held
    return len(derivable) / len(rows) if rows else None
