"""One figure changed by one, anywhere: in a claim, in a config, in what is observed.

The model is built once; every mutant is derived and reconciled from the same observation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from math import prod
from typing import Any

from kerasaudit.derivation.architecture import Architecture, derive_architecture
from kerasaudit.derivation.traced import has_rule
from kerasaudit.errors import KerasAuditError
from kerasaudit.finding import Finding
from kerasaudit.observation.observed import Observation, ObservedWeight
from kerasaudit.observation.target import Subject, resolve
from kerasaudit.reconciliation.audit import audit_subject
from kerasaudit.reconciliation.claims import judge
from kerasaudit.reconciliation.gradient_claims import ExampleClaims
from kerasaudit.reconciliation.reconcile import reconcile
from kerasaudit.reconciliation.result import Audit
from kerasaudit.zoo import Claim

# The config values that shape a weight or the map that a layer with weights puts out. (A pool's
# size is none: with its stride kept it may change no shape, and so no figure at all.)
_SHAPING = (
    *("filters", "kernel_size", "strides", "depth_multiplier", "groups"),
    *("projection_dim", "units", "input_dim", "output_dim", "num_heads", "key_dim"),
)
# Where a config holds the config of another layer.
_HELD = ("layer", "backward_layer")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Examined:
    """A builder's model, observed once, derived once and audited; the model itself is gone."""

    subject: Subject
    observation: Observation
    architecture: Architecture
    audit: Audit
    example: ExampleClaims

    def weighty(self) -> list[str]:
        """The paths of the layers that hold weights."""
        return [path for path, layer in self.observation.layers.items() if layer.weights]

    def spread(self) -> list[str]:
        """A layer with weights of each class: of the first class the first, of the last the last.

        Those of the classes between stand in between.
        """
        by_class: dict[str, list[str]] = {}
        for path in self.weighty():
            by_class.setdefault(self.observation.layers[path].class_name, []).append(path)
        steps = max(len(by_class) - 1, 1)
        return [
            paths[(len(paths) - 1) * place // steps]
            for place, paths in enumerate(by_class.values())
        ]


def examine(function: Callable[[], Any]) -> Examined:
    """Build once, and keep all but the model."""
    (subject,) = resolve(function)
    observation = subject.observe(subject.input_shape, has_rule)
    audit = audit_subject(replace(subject, observe=lambda *_: observation))
    architecture = derive_architecture(observation.config, subject.input_shape)
    example = ExampleClaims(subject.build, subject.example)
    return Examined(subject, observation, architecture, audit, example)


def assert_clean(audit: Audit) -> None:
    """Everything derived by rule, three figures equal, every claim confirmed."""
    audit.raise_if_failed()
    totals = audit.totals
    assert audit.status == "ok"
    assert totals.derived == totals.observed == totals.reported == totals.params
    assert totals.derived == sum(layer.derived for layer in audit.layers)
    assert totals.derived == totals.trainable + totals.non_trainable
    assert totals.coverage == 1.0
    assert {layer.status for layer in audit.layers} == {"ok"}
    assert {claim.status for claim in audit.claims} <= {"ok", "erratum"}
    assert audit.claims


def findings(
    examined: Examined,
    *,
    observation: Observation | None = None,
    architecture: Architecture | None = None,
    claims: tuple[Claim, ...] | None = None,
) -> list[Finding]:
    """What an audit finds with one side replaced."""
    architecture = architecture or examined.architecture
    result = reconcile(observation or examined.observation, architecture, {})
    claims = examined.subject.claims if claims is None else claims
    outputs = architecture.output_shapes
    source = examined.subject.source
    _, more = judge(claims, result.rows, result.totals, outputs, source, examined.example)
    return [*result.findings, *more]


# -- claims -----------------------------------------------------------------------------------


def claim_survivors(examined: Examined) -> list[str]:
    """The mutants of the claims that are confirmed all the same."""
    result = reconcile(examined.observation, examined.architecture, {})
    outputs = examined.architecture.output_shapes
    survivors = []
    for claim in examined.subject.claims:
        mutants = list(_claim_mutants(claim))
        assert mutants
        survivors += [
            f"{claim.subject}: {mutant.working} {mutant.errata}"
            for mutant in mutants
            if not judge((mutant,), result.rows, result.totals, outputs, None, examined.example)[1]
        ]
    return survivors


def _claim_mutants(claim: Claim) -> Iterator[Claim]:
    """Every number of every step changed by one, and of every correction.

    What a source wrongly wrote is not held against anything: its correction is.
    """
    for index, step in enumerate(claim.working):
        if step in claim.errata:
            for text in nudged(claim.errata[step]):
                yield _with(claim, claim.working, {**claim.errata, step: text})
            continue
        for text in nudged(step):
            working = (*claim.working[:index], text, *claim.working[index + 1 :])
            yield _with(claim, working, claim.errata)


def _with(claim: Claim, working: tuple[str, ...], errata: Mapping[str, str]) -> Claim:
    return Claim(claim.subject, *working, quantity=claim.quantity, errata=errata)


def nudged(text: str) -> Iterator[str]:
    """The text with one of its numbers changed by one in its last place."""
    for match in _NUMBER.finditer(text):
        value = Decimal(match[0].replace(",", ""))
        unit = Decimal((0, (1,), value.as_tuple().exponent))
        for changed in (value - unit, value + unit):
            yield f"{text[: match.start()]}{changed}{text[match.end() :]}"


# -- the config -------------------------------------------------------------------------------


def config_survivors(examined: Examined, paths: list[str]) -> list[str]:
    """The mutants of the layers' configs, and of the input's, that nobody notices.

    A stride along an axis with one position is no figure: whatever it is, nothing moves.
    """
    survivors, number = [], 0
    shapes = [call.output_shape for call in examined.architecture.calls]
    for name, key, value, config in _config_mutants(examined.observation.config, set(paths)):
        number += 1
        try:
            architecture = derive_architecture(config, examined.subject.input_shape)
        except KerasAuditError:
            continue
        if findings(examined, architecture=architecture):
            continue
        if key == "strides" and [call.output_shape for call in architecture.calls] == shapes:
            continue
        survivors.append(f"{name}: {key} → {value}")
    assert number
    return survivors


def _config_mutants(
    model: Mapping[str, Any], paths: set[str]
) -> Iterator[tuple[str, str, Any, dict[str, Any]]]:
    layers = model["config"]["layers"]
    for index, layer in enumerate(layers):
        config = layer["config"]
        if layer["class_name"] != "InputLayer" and config["name"] not in paths:
            continue
        for key, value in _config_changes(config):
            mutant = {**layer, "config": {**config, key: value}}
            others = [*layers[:index], mutant, *layers[index + 1 :]]
            changed = {**model, "config": {**model["config"], "layers": others}}
            yield config["name"], key, value, changed


def _config_changes(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in _HELD:
        held = config.get(key)
        for inner, value in _config_changes(held["config"]) if held else ():
            yield key, {**held, "config": {**held["config"], inner: value}}
    for key in ("batch_shape", *_SHAPING):
        value = config.get(key)
        if isinstance(value, int):
            yield from ((key, value - 1), (key, value + 1))
        elif isinstance(value, (list, tuple)):
            for place, extent in enumerate(value):
                for changed in (extent - 1, extent + 1) if extent is not None else ():
                    yield key, [*value[:place], changed, *value[place + 1 :]]


# -- what is observed -------------------------------------------------------------------------


def observation_survivors(examined: Examined, paths: list[str]) -> list[str]:
    """The mutants of the observed weights and counts that nobody notices."""
    survivors = []
    for what, path, observation in _observation_mutants(examined.observation, paths):
        found = findings(examined, observation=observation, claims=())
        if not any(finding.path == path for finding in found):
            survivors.append(what)
    return survivors


def _observation_mutants(
    observation: Observation, paths: list[str]
) -> Iterator[tuple[str, str, Observation]]:
    for change in (-1, 1):
        total = replace(observation, params=observation.params + change)
        yield f"count_params() by {change}", "total", total
    for path in paths:
        layer = observation.layers[path]
        for change in (-1, 1):
            params = layer.params + change
            yield f"{path}: count_params() by {change}", path, _hold(observation, path, params)
        for index, weight in enumerate(layer.weights):
            rest = layer.weights[:index], layer.weights[index + 1 :]
            without = _hold_weights(observation, path, (*rest[0], *rest[1]))
            yield f"{path}: without {weight.name}", path, without
            for what, changed in _weight_mutants(weight):
                weights = (*rest[0], changed, *rest[1])
                mutant = _hold_weights(observation, path, weights)
                yield f"{path}: {weight.name} {what}", path, mutant


def _weight_mutants(weight: ObservedWeight) -> Iterator[tuple[str, ObservedWeight]]:
    yield "trainable", replace(weight, trainable=not weight.trainable)
    for axis, extent in enumerate(weight.shape):
        for changed in (extent - 1, extent + 1):
            shape = (*weight.shape[:axis], changed, *weight.shape[axis + 1 :])
            yield f"{weight.shape} → {shape}", replace(weight, shape=shape)


def _hold(observation: Observation, path: str, params: int) -> Observation:
    layer = replace(observation.layers[path], params=params)
    return replace(observation, layers={**observation.layers, path: layer})


def _hold_weights(
    observation: Observation, path: str, weights: tuple[ObservedWeight, ...]
) -> Observation:
    """A model that really held these weights: its counts are those of these weights."""
    params = sum(prod(weight.shape) for weight in weights)
    layer = observation.layers[path]
    total = observation.params + params - layer.params
    layers = {**observation.layers, path: replace(layer, weights=weights, params=params)}
    return replace(observation, layers=layers, params=total)
