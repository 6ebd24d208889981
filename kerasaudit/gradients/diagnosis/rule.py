"""What a diagnosis is: its kind, its thresholds, and how it watches one stream of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from kerasaudit.errors import RuleError, one_line
from kerasaudit.finding import Finding, Kind

if TYPE_CHECKING:
    from kerasaudit.gradients.diagnosis.figures import Figures
    from kerasaudit.gradients.diagnosis.layout import Layout

__all__ = [
    "Evidence",
    "GradientFinding",
    "Rule",
    "Stream",
    "Watch",
    "diagnosis",
    "figure",
    "kinds",
    "register_kind",
    "rules",
    "shown",
]

Evidence = Mapping[str, "float | int | str | None"]


@dataclass(frozen=True, slots=True)
class GradientFinding(Finding):
    """One thing wrong with a training; `path` is that of the weight, the layer or the optimizer.

    Args:
        name: of the diagnosis: "non-finite".
        optimizer: the name of the optimizer, as in a block.
        tap: where the gradients were taken.
        session: the number of the session in its run.
        step: the first step of the condition; `None` where it is not a matter of steps.
        last_step: the last step on which the confirmed condition held.
        layer: the path of the layer.
        weight: the name of the weight in the layer.
        kernel: the index of the kernel along the unit axis, where it is one alone.
        kernels: how many kernels are affected, of the weight, or of the layer if `weight` is None.
        share: the same as a share of all kernels of the weight or layer, from 0 to 1.
        evidence: the figures by name. One that is not finite is text: "nan", "inf".
        advice: one line on what to do.
    """

    name: str = ""
    optimizer: str = ""
    tap: str = ""
    session: int = 0
    step: int | None = None
    last_step: int | None = None
    layer: str | None = None
    weight: str | None = None
    kernel: int | None = None
    kernels: int | None = None
    share: float | None = None
    evidence: Evidence = field(default_factory=dict, hash=False)
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a watch is told of the stream it watches: one optimizer at one tap, in one session."""

    layout: Layout
    optimizer: str
    tap: str
    session: int
    every: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered diagnosis: its name, its meaning, its thresholds and what watches for it."""

    name: str
    kind: Kind
    thresholds: type
    watch: type[Watch[Any]]


Thresholds = TypeVar("Thresholds")


class Watch(Generic[Thresholds]):
    """A diagnosis at work on one stream: it sees every block once, in order.

    What it has found must not depend on how the steps are cut into blocks.

    Attributes:
        needs: the statistics without which it finds nothing, or less than it could. Of the names
            in one entry ("l2|max_abs") any one will do.
        optional: those entries of `needs` without which it still finds something.
        statuses: the steps that it is shown. Steps whose loss scale overflowed say nothing of the
            gradients.
        taps: the taps that it can be read from.
        whole: there is one for the whole session, which sees the blocks of every optimizer.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    statuses: ClassVar[tuple[str, ...]] = ("ok", "accumulated")
    taps: ClassVar[tuple[str, ...]] = ("raw", "clipped")
    whole: ClassVar[bool] = False

    def __init__(self, rule: Rule, thresholds: Thresholds, stream: Stream) -> None:
        self.rule = rule
        self.thresholds = thresholds
        self.stream = stream
        self.layout = stream.layout

    @classmethod
    def missing(cls, statistics: Iterable[str]) -> tuple[str, ...]:
        """The entries of `needs` that none of `statistics` meets."""
        recorded = set(statistics)
        return tuple(need for need in cls.needs if recorded.isdisjoint(need.split("|")))

    def observe(self, figures: Figures) -> None:
        """See the next block, which has at least one step."""
        raise NotImplementedError

    def end(self) -> None:
        """The training is over. For what counts only then; most conditions need no end."""

    def findings(self) -> Iterable[GradientFinding]:
        """What has been found so far."""
        raise NotImplementedError

    def finding(
        self,
        message: str,
        advice: str,
        *,
        layer: int | str | None = None,
        weight: str | None = None,
        **fields: Any,
    ) -> GradientFinding:
        """A finding of this rule's kind, of this stream. A layer may be given by its index."""
        name = self.layout.layers[layer] if isinstance(layer, int) else layer
        path = self.stream.optimizer if name is None else f"{name}/{weight}" if weight else name
        return GradientFinding(
            self.rule.kind.code,
            path,
            one_line(message, 1000),
            self.rule.kind.incomplete,
            name=self.rule.name,
            optimizer=self.stream.optimizer,
            tap=self.stream.tap,
            session=self.stream.session,
            layer=name,
            weight=weight,
            advice=one_line(advice),
            **fields,
        )


def figure(value: Any) -> float | str:
    """A figure as evidence has it: NaN and infinities are text, which JSON and `==` can hold."""
    number = float(value)
    return number if number - number == 0 else str(number)


def shown(value: Any) -> str:
    """A figure as a message has it, in four digits."""
    return value if isinstance(value, str) else f"{value:.4g}"


_rules: dict[str, Rule] = {}
_kinds: dict[str, Kind] = {}

_Class = TypeVar("_Class", bound="type[Watch[Any]]")


def register_kind(kind: Kind) -> Kind:
    """Make a kind of finding known.

    Raises:
        RuleError: its code is taken.
    """
    if _kinds.setdefault(kind.code, kind) is not kind:
        raise RuleError(f"diagnosis: the code {kind.code} is taken ({_kinds[kind.code].title})")
    return kind


def diagnosis(name: str, kind: Kind, thresholds: type) -> Callable[[_Class], _Class]:
    """Register the decorated class as the watch of a diagnosis.

    Args:
        name: what thresholds and `stop_on` call it: "non-finite".
        kind: its code and documentation.
        thresholds: a frozen dataclass, every field with a default.

    Raises:
        RuleError: the name or the code is taken.
    """

    def register(watch: _Class) -> _Class:
        if name in _rules:
            raise RuleError(f"diagnosis: {name!r} is registered already")
        _rules[name] = Rule(name, register_kind(kind), thresholds, watch)
        return watch

    return register


def kinds() -> dict[str, Kind]:
    """The kinds of all diagnoses that are registered, by code."""
    return dict(sorted(_kinds.items()))


def rules() -> dict[str, Rule]:
    """All diagnoses that are registered by name, in the order of their codes."""
    return {rule.name: rule for rule in sorted(_rules.values(), key=lambda r: r.kind.code)}
