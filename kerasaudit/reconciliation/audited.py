"""An audit together with the architecture that it is of: what a comparison reads."""

from __future__ import annotations

from typing import NamedTuple

from kerasaudit.derivation.architecture import Architecture
from kerasaudit.reconciliation.result import Audit

__all__ = ["Audited"]


class Audited(NamedTuple):
    """An audit, and the architecture that it is of: `None` where nothing could be derived."""

    audit: Audit
    architecture: Architecture | None
