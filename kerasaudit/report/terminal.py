"""The terminal: fits 80 columns with no figure cut, shows the working of every layer with weights.

`write` is what the command line calls. `render` is the same report as plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from kerasaudit.finding import ERROR, WARNING, Finding
from kerasaudit.reconciliation.result import Audit, ClaimRow, Failure, LayerRow, StepRow
from kerasaudit.report import wording
from kerasaudit.report.console import STYLES, as_text, indented, mark, marked, plain, styled
from kerasaudit.report.console import write as write_to
from kerasaudit.report.diff.terminal import print_diff
from kerasaudit.report.wording import MARKS, STATUS_WORDS, count, partition, printable, shape
from kerasaudit.zoo import TOTAL

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["FORMAT", "SUFFIX", "excerpt", "render", "write"]

FORMAT = "terminal"
SUFFIX = None

_NAME = 24  # so much of a name is not broken for the columns beside it
_FEW = 3  # so many audits are shown layer by layer; of more, a line each


def render(results: Sequence[Audit | Failure]) -> str:
    """Render results as plain text of 80 columns.

    >>> print(render([Failure("missing.py", "missing.py: no such file")]).strip())
    ✗ missing.py: no such file
    <BLANKLINE>
    0 models audited, 1 could not be
    """
    return as_text(lambda console: _print(console, results, layers=None, reasons=True))


def excerpt(layers: Iterable[LayerRow], findings: Iterable[Finding]) -> str:
    """Some layers and findings alone, as the report has them, in plain text of 80 columns.

    >>> from kerasaudit.reconciliation.findings import finding
    >>> print(excerpt((), [finding("KA115", "a", "exempt 'a': no layer has that path")]))
      KA115 exempt 'a': no layer has that path
    """

    def show(console: Console) -> None:
        shown = list(layers)
        if shown:
            _print_layers(console, shown)
        _print_findings(console, findings)

    return as_text(show).strip("\n")


def write(
    results: Sequence[Audit | Failure],
    stream: TextIO,
    *,
    width: int | None = None,
    color: bool | None = None,
    layers: bool | None = None,
    reasons: bool = True,
) -> None:
    """Write the report of results to a text stream.

    Args:
        results: what was audited, in order.
        stream: where to; a terminal gets colour (unless NO_COLOR is set) and its own width.
        width: columns, if not the terminal's own (80 where there is none).
        color: whether to colour, if not as the stream says.
        layers: whether to show every layer with its working; if `None`, for up to three audits.
        reasons: whether to say why a target could not be audited (the command line says so on
            standard error), or only which.
    """
    write_to(
        stream,
        lambda console: _print(console, results, layers, reasons),
        width=width,
        color=color,
    )


def _print(
    console: Console, results: Sequence[Audit | Failure], layers: bool | None, reasons: bool
) -> None:
    audits, failures = partition(results)
    detailed = len(audits) <= _FEW if layers is None else layers
    if detailed:
        for audit in audits:
            _print_audit(console, audit)
    elif audits:
        _print_summary(console, audits)
    for failure in failures:
        if failure.code is not None:
            console.print(marked("findings", f"{failure.code} {failure.message}"), soft_wrap=False)
            continue
        message = failure.message if reasons else "not audited"
        told = message.startswith(failure.target)  # most messages begin with what they speak of
        line = message if told else f"{failure.target}: {message}"
        console.print(marked("failed", line), soft_wrap=False)
    if len(results) != 1 or failures:
        if failures:
            console.print()
        console.print(wording.headline(results))


# -- several audits: a line each ------------------------------------------------------------------


def _print_summary(console: Console, audits: Sequence[Audit]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(" ")
    longest = max(len(printable(audit.name)) for audit in audits)
    table.add_column("model", overflow="fold", min_width=min(longest, _NAME))
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("MACs", justify="right", no_wrap=True)
    table.add_column("derived", justify="right", no_wrap=True)
    table.add_column("claims", overflow="fold")
    for audit in audits:
        table.add_row(
            mark(audit.status),
            printable(audit.name),
            count(audit.totals.params),
            count(audit.totals.macs),
            wording.share(audit.totals.coverage),
            wording.claims_tally(audit.claims),
        )
    console.print(table)
    console.print()
    for audit in audits:
        claims = [claim for claim in audit.claims if claim.status != "ok"]
        if claims or audit.findings:
            console.print(styled(printable(audit.name), "bold"))
            _print_claims(console, claims)
            _print_findings(console, audit.findings)


# -- one audit in full ----------------------------------------------------------------------------


def _print_audit(console: Console, audit: Audit) -> None:
    head = styled(f"{printable(audit.name)}  ", "bold")
    head.append(f"{printable(audit.class_name)}  ", "dim")
    head.append(f"{MARKS[audit.status]} {wording.status_line(audit)}", STYLES[audit.status])
    console.print(head)
    shapes = f"{wording.shapes(audit.input_shapes)} → {wording.shapes(audit.output_shapes)}"
    lines = [f"{printable(audit.target)}  {shapes}", printable(audit.source or "")]
    for line in filter(None, lines):
        console.print(indented(styled(line, "dim"), 2))
    console.print()
    _print_layers(console, audit.layers)
    _print_totals(console, audit)
    _print_budgets(console, audit)
    if audit.claims:
        console.print(styled(f"Claims: {wording.claims_tally(audit.claims)}", "bold"))
        _print_claims(console, audit.claims)
    if audit.findings:
        console.print(styled(wording.findings_tally(audit).capitalize(), "bold"))
        _print_findings(console, audit.findings)
    if audit.drift is not None and audit.drift.differs:
        console.print(styled("Drift from the lock", "bold"))
        print_diff(console, audit.drift)
        console.print()


def _print_totals(console: Console, audit: Audit) -> None:
    totals = audit.totals
    sides = [
        ("keras", totals.observed),
        ("file", totals.stored),
        ("count_params()", totals.reported),
    ]
    beside = " · ".join(f"{name} {value:,}" for name, value in sides if value is not None)
    rows = [
        ("parameters", totals.derived, beside or "derived, nothing observed"),
        ("trainable", totals.trainable, ""),
        ("non-trainable", totals.non_trainable, ""),
        *wording.kinds(totals),
        ("MACs", totals.macs, wording.backward(totals)),
        ("memory", totals.bytes, f"bytes {wording.memory(totals)}"),
        ("activations", totals.activation_bytes, f"bytes {wording.live(totals)}"),
    ]
    _print_figures(console, rows)
    console.print(indented(plain(f"coverage       {wording.coverage(audit)}"), 2))
    console.print()


def _print_figures(console: Console, rows: Iterable[tuple[str, int | None, str]]) -> None:
    """A name, a figure and a note on each line; the note on the next one where there is no room."""
    figures = [(name, count(figure), note) for name, figure, note in rows]
    widths = [max(len(row[column]) for row in figures) for column in (0, 1)]
    for name, figure, note in figures:
        line = f"{name:<{widths[0]}}  {figure:>{widths[1]}}"
        fits = 2 + len(line) + 2 + len(note) <= console.width
        console.print(indented(plain(f"{line}  {note}".rstrip() if fits else line), 2))
        if not fits:
            console.print(indented(plain(note), 4))


def _print_budgets(console: Console, audit: Audit) -> None:
    for row in audit.budgets:
        whose = "" if row.subject == TOTAL else f"{printable(row.subject)}: "
        line = mark(wording.budget_status(audit, row))
        console.print(indented(line.append(f" budget  {whose}{wording.budget(row)}"), 2))
    if audit.budgets:
        console.print()


# -- layers -----------------------------------------------------------------------------------


def _print_layers(console: Console, layers: Sequence[LayerRow]) -> None:
    """A line for each layer that holds weights, or two where a line would not hold it."""
    apart = [layer for layer in layers if wording.set_apart(layer)]
    rest = wording.weightless_line(layers)
    widest: tuple[_Column, ...] = (
        *(_layer_name, _layer_class, _working, _keras, _shape, _macs),
        *(_bytes, _activations, _field),
    )
    for columns in (widest, widest[:6], widest[:5], widest[:4]):
        cells = [[column(layer) for column in columns] for layer in apart]
        widths = [max((cell.cell_len for cell in column), default=0) for column in zip(*cells)]  # noqa: B905
        if 4 + sum(widths) + 2 * (len(widths) - 1) <= console.width:
            for layer, row in zip(apart, cells, strict=True):
                _print_line(console, layer, row, widths)
            break
    else:
        for layer in apart:
            _print_block(console, layer)
    if rest:
        console.print(indented(styled(rest, "dim"), 4))
    console.print()


_Column = Callable[[LayerRow], "Text"]


def _layer_name(layer: LayerRow) -> Text:
    return styled(printable(layer.path), "bold")


def _layer_class(layer: LayerRow) -> Text:
    return styled(printable(layer.class_name), "cyan")


def _working(layer: LayerRow) -> Text:
    return plain(printable(wording.equation(layer)))


def _keras(layer: LayerRow) -> Text:
    """What was observed beside the derived figure."""
    sides = [("keras", layer.observed), ("file", layer.stored)]
    known = [f"{name} {value:,}" for name, value in sides if value is not None]
    if not known:
        return plain("")
    wrong = layer.status == "mismatch" and wording.held(layer) != layer.derived
    return styled("  ".join(known), "bold red" if wrong else "green")


def _shape(layer: LayerRow) -> Text:
    return styled(shape(layer.output_shape), "dim")


def _macs(layer: LayerRow) -> Text:
    return styled(f"{count(layer.macs)} MACs", "dim")


def _bytes(layer: LayerRow) -> Text:
    return styled(f"{count(layer.bytes)} bytes", "dim")


def _activations(layer: LayerRow) -> Text:
    return styled(f"{count(layer.activation_elements)} activations", "dim")


def _field(layer: LayerRow) -> Text:
    field = wording.field(layer)
    return plain("") if field == "–" else styled(f"field {field}", "dim")


def _print_line(
    console: Console, layer: LayerRow, cells: Sequence[Text], widths: Sequence[int]
) -> None:
    line = plain("  ")
    line.append_text(mark(layer.status))
    line.append(" ")
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell.cell_len)
        before, after = (space, "") if number in (3, 5, 6, 7) else ("", space)
        line.append(before).append_text(cell).append(f"{after}  ")
    line.rstrip()
    console.print(line)
    _print_reason(console, layer)


def _print_block(console: Console, layer: LayerRow) -> None:
    left = plain("  ")
    left.append_text(mark(layer.status)).append(" ")
    left.append_text(_layer_name(layer)).append("  ").append_text(_layer_class(layer))
    _print_spread(console, left, _shape(layer), 4)
    _print_spread(console, plain("    ").append_text(_working(layer)), _keras(layer), 4)
    _print_reason(console, layer)


def _print_spread(console: Console, left: Text, right: Text, indent: int) -> None:
    """Left and right on one line; where it does not hold both, right has the next one."""
    gap = console.width - left.cell_len - right.cell_len
    if gap >= 2:
        console.print(left.append(" " * gap).append_text(right))
        return
    first = left[:indent]
    rest = left[indent:]
    lines = rest.wrap(console, console.width - indent)
    for number, line in enumerate(lines):
        console.print((first if number == 0 else plain(" " * indent)).append_text(line))
    if right.plain:
        console.print(plain(" " * max(console.width - right.cell_len, indent)).append_text(right))


def _print_reason(console: Console, layer: LayerRow) -> None:
    if layer.status == "exempt" and layer.reason:
        console.print(indented(plain(f"exempt: {printable(layer.reason)}"), 4))


# -- claims and findings ------------------------------------------------------------------------


def _print_claims(console: Console, claims: Iterable[ClaimRow]) -> None:
    printed = False
    for claim in claims:
        printed = True
        sides = [("claimed", claim.claimed), ("derived", claim.derived), ("keras", claim.observed)]
        line = mark(claim.status).append(" ")
        line.append(printable(claim.subject), "bold")
        line.append(f"  {wording.quantity(claim.quantity)}: ")
        line.append(", ".join(f"{name} {value}" for name, value in sides if value is not None))
        if claim.status != "ok":
            line.append(f"  {STATUS_WORDS[claim.status].upper()}", STYLES[claim.status])
        console.print(indented(line, 2))
        for step in wording.steps_shown(claim):
            console.print(indented(_step(step), 6))
        if claim.status in ("wrong", "unjudged"):
            console.print(indented(plain(printable(claim.message)), 6))
    if printed:
        console.print()


def _step(step: StepRow) -> Text:
    if step.status == "ok":
        return marked("ok", step.text)
    line = styled("✗ " if step.status != "unreadable" else "? ", STYLES[step.status])
    line.append(printable(step.text), "strike")
    return line.append(f"   {printable(wording.step_note(step))}", "bold")


def _print_findings(console: Console, findings: Iterable[Finding]) -> None:
    printed = False
    for finding in findings:
        printed = True
        grave = finding.severity == ERROR
        line = styled(finding.code, "bold red" if grave else STYLES[WARNING])
        line.append("" if grave else " warning:").append(f" {printable(finding.message)}")
        console.print(indented(line, 2))
        for name, value in wording.finding_sides(finding):
            console.print(indented(plain(f"{name:<10}  {printable(value)}"), 8))
    if printed:
        console.print()
