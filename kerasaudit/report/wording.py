"""How the reports that people read write figures, shapes and statuses.

What is not known is the word "unknown", never 0. Names come out of files that others wrote:
`printable` is what stands between them and a terminal or a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from kerasaudit.finding import ERROR, WARNING, Finding
from kerasaudit.reconciliation.budget import QUANTITIES
from kerasaudit.reconciliation.result import (
    Audit,
    BudgetRow,
    ClaimRow,
    Failure,
    LayerRow,
    StepRow,
    Totals,
    WeightRow,
)

__all__ = [
    "MARKS",
    "STATUS_WORDS",
    "budget",
    "budget_finding",
    "budget_status",
    "claims_tally",
    "count",
    "coverage",
    "equation",
    "field",
    "finding_sides",
    "findings_tally",
    "has_warnings",
    "headline",
    "live",
    "memory",
    "partition",
    "printable",
    "quantity",
    "set_apart",
    "shape",
    "shapes",
    "status_line",
    "step_note",
    "steps_shown",
    "weightless_line",
]

UNKNOWN = "unknown"

# A mark and a word for every status: neither colour nor mark stands alone.
MARKS = {
    "ok": "✓",
    "findings": "✗",
    "incomplete": "?",
    "failed": "✗",
    "mismatch": "✗",
    "unsupported": "?",
    "unbuilt": "?",
    "exempt": "–",
    "wrong": "✗",
    "erratum": "!",
    "unjudged": "?",
    "false": "✗",
    "unreadable": "?",
    "fixed": "✓",
    "over": "✗",
    "unknown": "?",
    "warning": "!",
}
STATUS_WORDS = {
    "ok": "ok",
    "findings": "findings",
    "incomplete": "incomplete",
    "failed": "not audited",
    "mismatch": "mismatch",
    "unsupported": "unsupported",
    "unbuilt": "not built",
    "exempt": "exempt",
    "wrong": "wrong",
    "erratum": "erratum",
    "unjudged": "not judged",
    "false": "false",
    "unreadable": "unreadable",
    "fixed": "fixed",
    "over": "over budget",
    "unknown": "unknown",
    "warning": "warning",
}
_QUANTITIES = {
    "params": "parameters",
    "trainable_params": "trainable parameters",
    "non_trainable_params": "non-trainable parameters",
    "macs": "MACs",
    "update": "after one update",
    "net_input": "net input",
}


def printable(text: object) -> str:
    r"""The text with every character that does not print written as its escape.

    >>> printable("a\x1b[31mred\nnext")
    'a\\x1b[31mred\\x0anext'
    """
    string = str(text)
    if string.isprintable():
        return string
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in string)


def _escape(code: int) -> str:
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def count(value: int | None) -> str:
    """A figure with thousands separated.

    >>> count(18496), count(0), count(None)
    ('18,496', '0', 'unknown')
    """
    return UNKNOWN if value is None else f"{value:,}"


def holder(audit: Audit) -> str:
    """What holds the weights that the derived ones stand beside: "keras", or "file"."""
    stored = any(layer.stored is not None for layer in audit.layers)
    return "file" if stored else "keras"


def held(row: LayerRow | Totals) -> int | None:
    """The parameters that are held, in the live model or in the file."""
    return row.stored if row.observed is None else row.observed


def shape(value: object) -> str:
    """A shape, or several, as Keras writes it; an extent that is not known is `None`.

    >>> shape((None, 26, 26, 32)), shape(None)
    ('(None, 26, 26, 32)', 'unknown')
    """
    return UNKNOWN if value is None else printable(value)


def shapes(values: Sequence[object]) -> str:
    """The shapes of a model's inputs or outputs."""
    return ", ".join(map(shape, values)) if values else UNKNOWN


def coverage(audit: Audit) -> str:
    """How much of the model is derived.

    A share is never rounded up to the whole: 99.96 % is not 100 %.
    """
    totals = audit.totals
    layers = f"{totals.layers_derived} of {totals.layers} layers"
    if totals.coverage is None:
        return f"{layers} derived"
    of = "parameters" if held(totals) is not None else "layers"
    return f"{layers}, {share(totals.coverage)} of {of} derived"


def share(value: float | None) -> str:
    """A share as a percentage, cut off and not rounded, so that only the whole is 100 %.

    >>> share(1.0), share(0.99999), share(0.5), share(None)
    ('100 %', '99.9 %', '50 %', 'unknown')
    """
    if value is None:
        return UNKNOWN
    tenths = int(value * 1000)
    if tenths == 0 and value > 0:
        return "< 0.1 %"
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"


def equation(layer: LayerRow) -> str:
    """A layer's count with its working; the formula alone where it is not all derived.

    What a weight counts elsewhere is said, because the sum is then not this layer's.
    """
    if layer.formula is None:
        return UNKNOWN if layer.derived is None else ""
    whole = [weight.derived for weight in layer.weights if weight.derived is not None]
    text = f"{layer.formula} = {layer.working} = {sum(whole):,}"
    elsewhere = sorted({w.shared_with for w in layer.weights if w.shared_with is not None})
    return f"{text}, counted in {', '.join(elsewhere)}" if elsewhere else text


def kinds(totals: Totals) -> list[tuple[str, int, str]]:
    """What else is to be told apart: a name, a figure and a note each, where there is any.

    Parameters that are not trained by why, those that stand for others, and what Keras holds that
    is no parameter.
    """
    rows = []
    if totals.frozen:
        rows.append(("frozen", totals.frozen, "of the non-trainable, by choice"))
    if totals.statistics:
        rows.append(("statistics", totals.statistics, "of the non-trainable, by their nature"))
    if totals.logical is not None and totals.logical != totals.derived:
        rows.append(("logical", totals.logical, "of the float model that it stands for"))
    if totals.adapter:
        rows.append(("LoRA", totals.adapter, "in adapters"))
    if totals.seed_state:
        rows.append(("seeds", totals.seed_state, "of random generators, no parameters"))
    if totals.metric_state:
        rows.append(("metrics", totals.metric_state, "in their variables, no parameters"))
    if totals.optimizer_state:
        summary = "no parameters"
        if totals.summary_params is not None:
            summary += f", but summary() prints {count(totals.summary_params)} with them"
        rows.append(("optimizer", totals.optimizer_state, summary))
    return rows


def memory(totals: Totals) -> str:
    """The dtypes of the parameters, with the bytes of each where there are several."""
    parts = totals.bytes_by_dtype
    if not parts:
        return "of parameters"
    if len(parts) == 1:
        return f"of parameters, {printable(next(iter(parts)))}"
    several = ", ".join(f"{printable(dtype)} {count(size)}" for dtype, size in parts.items())
    return f"of parameters: {several}"


def backward(totals: Totals) -> str:
    """The MACs of the gradients, where they are known."""
    known = totals.backward_macs is not None
    return f"{count(totals.backward_macs)} in the backward pass" if known else ""


def live(totals: Totals) -> str:
    """How many bytes of the activations are alive at once."""
    if totals.peak_activation_bytes is None:
        return "per example"
    return f"per example, at most {count(totals.peak_activation_bytes)} alive at once"


def field(layer: LayerRow) -> str:
    """A receptive field with its effective stride; "–" for a layer that has none.

    A stride of 0 says that every position sees the same: global pooling, all of the input.

    >>> from kerasaudit.reconciliation.result import LayerRow
    >>> row = LayerRow("c", "Conv2D", "ok", *[None] * 10, 1, (), receptive_field=(8, 8),
    ...     effective_stride=(2, 2))
    >>> field(row)
    '8×8 / 2'
    """
    if layer.receptive_field is None or layer.effective_stride is None:
        return "–"
    size = "×".join(map(str, layer.receptive_field))
    strides = set(layer.effective_stride)
    if strides == {0}:
        return f"{size} fixed"
    one = len(strides) == 1
    return f"{size} / {strides.pop() if one else '×'.join(map(str, layer.effective_stride))}"


def axes(weight: WeightRow) -> str:
    """The axes of a weight with their extents, `K=64*` being a unit axis.

    >>> from kerasaudit.reconciliation.result import AxisRow
    >>> row = WeightRow("d", "kernel", None, (4, 2), (AxisRow("d_in", 4, False),
    ...     AxisRow("u", 2, True)), "d_in·u", "4·2", 8, None, None, "float32", True)
    >>> axes(row)
    'd_in=4 · u=2*'
    """
    return " · ".join(f"{a.symbol}={a.extent}{'*' if a.unit else ''}" for a in weight.axes)


def status_line(audit: Audit) -> str:
    """The status in words, with how many findings there are, and how many are warnings."""
    parts = [findings_tally(audit)] if audit.findings else []
    if audit.status == "incomplete" or not any(one.severity == ERROR for one in audit.findings):
        parts.insert(0, STATUS_WORDS[audit.status])
    return ", ".join(parts)


def has_warnings(audit: Audit) -> bool:
    """Whether some of the findings do not count against the model."""
    return any(finding.severity == WARNING for finding in audit.findings)


def findings_tally(audit: Audit) -> str:
    """How many findings there are; warnings, which do not count against a model, apart.

    >>> from types import SimpleNamespace as One
    >>> grades = [One(severity="error"), One(severity="warning"), One(severity="warning")]
    >>> findings_tally(One(findings=grades)), findings_tally(One(findings=[]))
    ('1 finding, 2 warnings', '')
    """
    severities = [finding.severity for finding in audit.findings]
    counts = [("finding", severities.count(ERROR)), ("warning", severities.count(WARNING))]
    return ", ".join(
        f"{number:,} {noun}{'' if number == 1 else 's'}" for noun, number in counts if number
    )


def finding_sides(finding: Finding) -> list[tuple[str, str]]:
    """What more a finding says than its message: a name and a text each."""
    difference = None if finding.difference is None else f"{finding.difference:+,}"
    sides = [
        ("working", f"{finding.formula} = {finding.working}" if finding.working else None),
        ("expected", finding.expected),
        ("observed", finding.observed),
        ("difference", difference),
        ("cause", finding.cause),
    ]
    return [(name, text) for name, text in sides if text is not None]


# -- budgets ------------------------------------------------------------------------------------

_BROKEN_BUDGETS = ("KA501", "KA502", "KA503")


def budget(row: BudgetRow) -> str:
    """A budget in words: what is taken of it, and what is left.

    >>> budget(BudgetRow("total", "params", 5_000_000, 34_826, "ok"))
    'parameters 34,826 of 5,000,000, 4,965,174 left'
    >>> budget(BudgetRow("dense", "params", 10_000, 16_010, "over"))
    'parameters 16,010 of 10,000, 6,010 over'
    """
    text = f"{QUANTITIES[row.quantity]} {count(row.actual)} of {row.limit:,}"
    if row.actual is None:
        return text
    left = row.limit - row.actual
    return f"{text}, {left:,} left" if left >= 0 else f"{text}, {-left:,} over"


def budget_finding(audit: Audit, row: BudgetRow) -> Finding | None:
    """The finding that a budget which is not kept makes; `None` for one that is."""
    figures = _budget_figures(row)
    rows = [one for one in audit.budgets if one.status != "ok" and _budget_figures(one) == figures]
    findings = [
        one
        for one in audit.findings
        if one.code in _BROKEN_BUDGETS and (one.path, one.expected, one.observed) == figures
    ]
    # Of two budgets alike, as on all parameters and on the trainable ones, each has its own.
    return next((found for one, found in zip(rows, findings, strict=False) if one is row), None)


def _budget_figures(row: BudgetRow) -> tuple[str, str | None, str | None]:
    observed = None if row.actual is None else f"{row.actual:,}"
    return row.subject, f"{row.limit:,}", observed


def budget_status(audit: Audit, row: BudgetRow) -> str:
    """The status of a budget: "warning" where it is not kept and need not be."""
    finding = budget_finding(audit, row)
    return WARNING if finding is not None and finding.severity == WARNING else row.status


def quantity(name: str) -> str:
    """What a claim speaks of, in words."""
    return _QUANTITIES.get(name, name.replace("_", " "))


def steps_shown(claim: ClaimRow) -> list[StepRow]:
    """The steps of a working that say something: a bare figure is the claimed one over again.

    It holds by itself, so a tick beside it would be misread as one for the claim.
    """
    return [step for step in claim.steps if step.status != "ok" or "=" in step.text]


def step_note(step: StepRow) -> str:
    """What is to be said beside a step that is not simply right."""
    if step.status == "erratum":
        return f"slip in the source, correct: {step.correction}"
    if step.status == "false":
        return f"false, it is {step.value}"
    return "cannot be read" if step.status == "unreadable" else ""


def claims_tally(claims: Iterable[ClaimRow]) -> str:
    """How many claims there are of each status, in words; "none" without claims."""
    words = {"ok": "confirmed", "erratum": "erratum", "wrong": "wrong", "unjudged": "not judged"}
    statuses = [claim.status for claim in claims]
    parts = []
    for status, word in words.items():
        number = statuses.count(status)
        plural = "errata" if status == "erratum" and number > 1 else word
        if number:
            parts.append(f"{number} {plural}")
    return ", ".join(parts) or "none"


def set_apart(layer: LayerRow) -> bool:
    """Whether a layer needs a row of its own: it holds weights, or is not simply in order."""
    return bool(layer.weights) or layer.status != "ok" or layer.derived is None


def weightless_line(layers: Iterable[LayerRow]) -> str:
    """The layers without weights in one line, by class; "" if there are none."""
    names = sorted(layer.class_name for layer in layers if not set_apart(layer))
    if not names:
        return ""
    classes = ", ".join(
        f"{printable(name)} ×{number}" if number > 1 else printable(name)
        for name, number in ((name, len(list(group))) for name, group in groupby(names))
    )
    noun = "layer holds" if len(names) == 1 else "layers hold"
    return f"{len(names)} {noun} no weights: {classes}"


def partition(results: Iterable[Audit | Failure]) -> tuple[list[Audit], list[Failure]]:
    """The audits and the failures, each in order."""
    audits: list[Audit] = []
    failures: list[Failure] = []
    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
        else:
            audits.append(result)
    return audits, failures


def headline(results: Iterable[Audit | Failure]) -> str:
    """How many models were audited, and how they fared.

    >>> headline([Failure("net.py", "net.py: no such file")])
    '0 models audited, 1 could not be'
    """
    audits, failures = partition(results)
    parts = [f"{len(audits):,} model{'' if len(audits) == 1 else 's'} audited"]
    for status, words in (
        ("ok", "ok"),
        ("findings", "with findings"),
        ("incomplete", "incomplete"),
    ):
        number = sum(audit.status == status for audit in audits)
        parts += [f"{number:,} {words}"] if number else []
    failed = sum(failure.code is None for failure in failures)
    beside = len(failures) - failed
    parts += [f"{failed:,} could not be"] if failed else []
    parts += [f"{beside:,} finding{'' if beside == 1 else 's'} beside them"] if beside else []
    return ", ".join(parts)
