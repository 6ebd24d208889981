"""An observation: the weights that are really held, layer by layer, and the config beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kerasaudit.finding import Finding
from kerasaudit.trace import Trace

__all__ = ["Observation", "ObservedLayer", "ObservedState", "ObservedWeight"]


@dataclass(frozen=True, slots=True)
class ObservedWeight:
    """A variable that a layer holds.

    `name` is its name within the layer, `path` its full path in the model; `trainable` is what
    holds in training, containers taken into account; `identity` tells one variable held twice
    from two. `statistic`: no training changes it, frozen or not (a moving mean).

    Of a file, `path` is the dataset's, `name` may end in the number that it has within its layer
    ("query/0"), and `trainable` is `None`: no file says.
    """

    name: str
    path: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool | None
    identity: int
    statistic: bool = False


@dataclass(frozen=True, slots=True)
class ObservedLayer:
    """A layer as it is: its weights (`None` if it is not built) and its own count of them."""

    path: str
    class_name: str
    weights: tuple[ObservedWeight, ...] | None
    params: int | None


@dataclass(frozen=True, slots=True)
class ObservedState:
    """What a model holds besides its weights, counted in elements.

    `recurrent` is what stateful recurrent layers keep from one batch to the next.
    `summary_total` is what `model.summary()` prints as "Total params": the weights, and the
    optimizer's variables once it has any. Of a file only the optimizer's variables are known.
    """

    seeds: int | None
    recurrent: int | None
    metrics: int | None
    optimizer: int
    summary_total: int | None


@dataclass(frozen=True, slots=True)
class Observation:
    """A model as it is.

    `config` is `None` where the model's graph cannot be had, for the reason in `config_error`.
    `layers` is `None` where nothing is held (a config alone). `own` are weights that belong to the
    model and to none of its layers. `params` is the model's own total. `notes` say what is worth
    knowing of how it was observed, in a line each.

    `stored`: it is a file that holds it, and no model in memory. `hazards` are the findings that a
    file itself gives rise to.
    """

    name: str
    class_name: str
    config: Mapping[str, Any] | None
    config_error: str | None = None
    layers: Mapping[str, ObservedLayer] | None = None
    own: tuple[ObservedWeight, ...] = ()
    params: int | None = None
    built: bool = True
    output_shapes: tuple[tuple[int | None, ...], ...] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    trace: Trace | None = None
    state: ObservedState | None = None
    notes: tuple[str, ...] = ()
    stored: bool = False
    hazards: tuple[Finding, ...] = ()
