"""A chart of the activations that are alive while each call runs, as inline SVG."""

from __future__ import annotations

from kerasaudit.reconciliation.result import Audit
from kerasaudit.report.wording import count, printable

__all__ = ["area", "peak"]

_HEIGHT = 100


def area(audit: Audit, number: int = 0) -> str:
    """The chart, as wide as its place; "" where the bytes of a call are not known.

    `number` keeps ids apart on one page.
    """
    from markupsafe import escape

    most = audit.totals.peak_activation_bytes
    if not most or len(audit.calls) < 2:
        return ""
    steps, level = [], 0
    for call in audit.calls:
        height = round(_HEIGHT * (call.live_bytes or 0) / most)
        steps.append(f"v{level - height}h1" if height != level else "h1")
        level = height
    opening = f'<svg class="alive" role="img" aria-labelledby="m{number} n{number}"'
    outline = f"M0 {_HEIGHT}{''.join(steps)}V{_HEIGHT}z"
    return (
        f'{opening} viewBox="0 0 {len(audit.calls)} {_HEIGHT}" preserveAspectRatio="none">'
        f'<title id="m{number}">Bytes of activations that are alive, call by call</title>'
        f'<desc id="n{number}">{escape(peak(audit))}</desc>'
        f'<path class="h0" d="{outline}"/></svg>'
    )


def peak(audit: Audit) -> str:
    """Where the most is alive, in words."""
    most = audit.totals.peak_activation_bytes
    where = next((call for call in audit.calls if call.live_bytes == most), None)
    while_it_runs = f", while {printable(where.layer)} runs" if where else ""
    return f"at most {count(most)} bytes{while_it_runs}"
