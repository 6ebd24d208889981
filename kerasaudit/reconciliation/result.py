"""The audit: one immutable result, which every report renders and nothing changes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasaudit.derivation.shape import Shape
from kerasaudit.errors import AuditError
from kerasaudit.finding import ERROR, Finding
from kerasaudit.location import Location

if TYPE_CHECKING:
    import pandas

    from kerasaudit.reconciliation.differences import Diff

__all__ = [
    "Audit",
    "AxisRow",
    "BudgetRow",
    "CallRow",
    "ClaimRow",
    "Failure",
    "LayerRow",
    "StepRow",
    "Totals",
    "WeightRow",
]

# Reports render results; results know no report. This one name is how a result asks for them.
_REPORTS = "kerasaudit.report"


@dataclass(frozen=True, slots=True)
class AxisRow:
    """A named axis of a weight."""

    symbol: str
    extent: int
    unit: bool
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One weight of one layer, derived beside observed or stored. `None`: not known on that side.

    `role` is "parameter", "adapter" (LoRA) or "quantization" (scales and the like); `logical` is
    how many parameters of the float layer it holds. `shared_with` names the weight that this is the
    same variable as: it is counted there.
    """

    layer: str
    name: str
    path: str | None
    shape: tuple[int, ...] | None
    axes: tuple[AxisRow, ...]
    formula: str | None
    working: str | None
    derived: int | None
    observed_shape: tuple[int, ...] | None
    observed: int | None
    dtype: str | None
    trainable: bool | None
    role: str | None = None
    logical: int | None = None
    shared_with: str | None = None
    stored_shape: tuple[int, ...] | None = None
    stored: int | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """One application of a layer. `declared`: a shape is the config's word, not derived.

    The activations are what it hands on, per example; `live_bytes` are those of all tensors that
    are alive while it runs. `backward_macs` are those of its gradients.
    """

    layer: str
    call: int
    class_name: str
    input_shapes: tuple[Shape | None, ...]
    output_shape: Any
    macs: int | None
    declared: bool
    backward_macs: int | None = None
    activation_elements: int | None = None
    activation_bytes: int | None = None
    live_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer: its weights once, its calls together.

    `derived`, `observed` and `stored` count its parameters by arithmetic, in the live model and in
    the file; `reported` is the layer's own `count_params()`. A weight that an earlier row counts is
    not counted again. `logical` are the parameters of the float layer that a quantised or adapted
    one stands for, `adapter` those that LoRA adds. `trainable` and `non_trainable` part the derived
    count, or the observed one where nothing is derived. `macs` are those of all its calls.

    `bytes` are those of its parameters, in the dtypes that they have; `dtype_policy` is the policy
    that gives it those and the dtype it computes in. The activations are what all its calls hand
    on, per example. `receptive_field`, `effective_stride` and `effective_padding` are of its first
    call's output, a figure for each spatial axis of the input; `None` where it has none.
    `backward_macs` are those of all its calls' gradients.
    """

    path: str
    class_name: str
    status: str
    formula: str | None
    working: str | None
    derived: int | None
    observed: int | None
    stored: int | None
    reported: int | None
    trainable: int | None
    non_trainable: int | None
    macs: int | None
    output_shape: Any
    calls: int
    weights: tuple[WeightRow, ...]
    reason: str | None = None
    logical: int | None = None
    adapter: int | None = None
    bytes: int | None = None
    dtype_policy: str | None = None
    activation_elements: int | None = None
    activation_bytes: int | None = None
    receptive_field: tuple[int, ...] | None = None
    effective_stride: tuple[int, ...] | None = None
    effective_padding: tuple[int, ...] | None = None
    backward_macs: int | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a claim's working, checked by itself."""

    text: str
    status: str
    value: str | None
    correction: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A documented figure, judged: "ok", "wrong" or "erratum" ("unjudged" where it cannot be)."""

    subject: str
    quantity: str
    status: str
    claimed: str | None
    derived: str | None
    observed: str | None
    steps: tuple[StepRow, ...]
    message: str
    source: str | None
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget held against what a layer or the model takes: "ok", "over" or "unknown".

    `subject` is the path of a layer, or "total"; `actual` is `None` where the figure is not known,
    which is no pass. `source` is where the budget is set.
    """

    subject: str
    quantity: str
    limit: int
    actual: int | None
    status: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The model as a whole, each weight once.

    `params` is the count as far as it is established: derived if every layer is, else observed;
    `None` if neither is whole. `derived`, `observed` and `macs` are `None` unless every layer has
    one; `derived_partly` sums the layers that have, of which there are `layers_derived` of
    `layers`. `reported` is the model's own `count_params()`. `coverage` is the share of the
    observed parameters (of the layers, where nothing is observed) that is derived. `logical` and
    `adapter` are the sums of the rows'.

    `bytes` (with `bytes_by_dtype`), the activations and `backward_macs` are the sums of the rows',
    `None` unless every layer has one; `peak_activation_bytes` is the most that is alive at once.

    Of a live model: `statistics` are the observed weights that no training changes, `frozen` the
    others that are not trained. `seed_state`, `recurrent_state` (what stateful layers keep between
    batches), `metric_state` and `optimizer_state` are no weights and in no other figure but
    `summary_params`, which `model.summary()` prints as "Total params": the weights and, once it
    has any, the optimizer's variables.
    """

    params: int | None
    derived: int | None
    observed: int | None
    stored: int | None
    reported: int | None
    trainable: int | None
    non_trainable: int | None
    macs: int | None
    derived_partly: int
    layers: int
    layers_derived: int
    layers_unsupported: int
    layers_exempt: int
    coverage: float | None
    logical: int | None = None
    adapter: int | None = None
    bytes: int | None = None
    bytes_by_dtype: Mapping[str, int | None] | None = None
    activation_elements: int | None = None
    activation_bytes: int | None = None
    peak_activation_bytes: int | None = None
    backward_macs: int | None = None
    frozen: int | None = None
    statistics: int | None = None
    seed_state: int | None = None
    recurrent_state: int | None = None
    metric_state: int | None = None
    optimizer_state: int | None = None
    summary_params: int | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """What was derived, observed and claimed of one model, and where they part.

    `status`: "ok", "findings" (something is wrong) or "incomplete" (something could not be
    audited, which outranks findings); findings that are warnings do not count. `notes` say what is
    worth knowing and nothing wrong. `location` is where the builder stands, or the file. `drift` is
    where it parts from its lock; `None` where none was compared.
    """

    target: str
    name: str
    class_name: str
    status: str
    totals: Totals
    layers: tuple[LayerRow, ...]
    calls: tuple[CallRow, ...]
    claims: tuple[ClaimRow, ...]
    findings: tuple[Finding, ...]
    input_shapes: tuple[Shape, ...] = ()
    output_shapes: tuple[Shape | None, ...] = ()
    source: str | None = None
    summary: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    budgets: tuple[BudgetRow, ...] = ()
    location: Location | None = None
    drift: Diff | None = None

    @property
    def ok(self) -> bool:
        """Whether everything was audited and nothing is wrong."""
        return self.status == "ok"

    @property
    def weights(self) -> tuple[WeightRow, ...]:
        """The weights of all layers, in order."""
        return tuple(weight for layer in self.layers for weight in layer.weights)

    def raise_if_failed(self) -> None:
        """Raise `AuditError`, a line for each finding with its working, unless `ok`."""
        if self.ok:
            return
        failing = [finding for finding in self.findings if finding.severity == ERROR]
        lines = [f"{self.name}: {self.status}, {len(failing)} finding(s)"]
        for finding in failing:
            working = f" [{finding.formula} = {finding.working}]" if finding.working else ""
            cause = f" ({finding.cause})" if finding.cause else ""
            lines.append(f"  {finding.code} {finding.message}{working}{cause}")
        raise AuditError(lines)

    def to_frame(self, table: str = "layers") -> pandas.DataFrame:
        """One of the tables "layers", "weights", "calls", "claims", "budgets", "findings"."""
        frame: pandas.DataFrame = importlib.import_module(f"{_REPORTS}.frame").to_frame(self, table)
        return frame

    def save(self, path: str | Path) -> None:
        """Write a report; the suffix of `path` names its format.

        It is one of .html, .csv, .json, .md, .parquet, .sarif and .xml (JUnit).

        Raises:
            TargetError: no report has that suffix, or the file cannot be written.
        """
        importlib.import_module(_REPORTS).save([self], path)

    def _repr_html_(self) -> str:
        fragment: str = importlib.import_module(f"{_REPORTS}.html").fragment(self)
        return fragment


@dataclass(frozen=True, slots=True)
class Failure:
    """A target that could not be audited at all, with the one line that says why.

    `nothing`: the target was found, but there is no model in it. `code`: it is a finding of that
    kind, about what no audit is of (a lock whose model is gone).
    """

    target: str
    message: str
    nothing: bool = False
    code: str | None = None
    location: Location | None = None
    error: BaseException | None = field(default=None, compare=False, repr=False)
