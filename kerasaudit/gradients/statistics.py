"""The statistics that can be recorded of each kernel: their names, and what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kerasaudit.errors import ConfigError

__all__ = [
    "DEFAULT",
    "HISTOGRAM_BINS",
    "HISTOGRAM_EDGES",
    "OF_GRADIENT",
    "OF_UPDATE",
    "STATISTICS",
    "checked",
]

OF_GRADIENT: Mapping[str, str] = {
    "l2": "L2 norm: √Σ g²",
    "max_abs": "largest magnitude: max |g|",
    "mean": "mean: Σ g / n",
    "std": "standard deviation: √(Σ (g − mean)² / n)",
    "min": "smallest element",
    "max": "largest element",
    "mean_abs": "mean magnitude: Σ |g| / n",
    "zero_fraction": "share of the elements that are exactly 0, from 0 to 1",
    "histogram": "elements by magnitude: 0, below 1e-12, then decades, 1e4 and above, not finite",
}
OF_UPDATE: Mapping[str, str] = {
    "weight_l2": "L2 norm of the weight's kernel before the step",
    "weight_std": "standard deviation of the weight's kernel before the step",
    "update_l2": "L2 norm of the real update, K(new) − K(old)",
    "update_ratio": "update_l2 / weight_l2; 0 / 0 is 0",
}
STATISTICS: Mapping[str, str] = {**OF_GRADIENT, **OF_UPDATE}
DEFAULT = ("l2", "max_abs")

# Bins: exactly 0; (0, 1e-12); a bin for each decade from 1e-12 to 1e4; 1e4 and above; not finite.
HISTOGRAM_EDGES = tuple(10.0**exponent for exponent in range(-12, 5))
HISTOGRAM_BINS = len(HISTOGRAM_EDGES) + 3


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """The names of statistics, each once; `ConfigError` for one that there is not.

    >>> checked(["l2", "update_ratio", "l2"])
    ('l2', 'update_ratio')
    """
    import difflib

    if isinstance(names, str):
        names = (names,)
    for name in names:
        if name not in STATISTICS:
            near = difflib.get_close_matches(str(name), STATISTICS, n=2)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise ConfigError(
                f"statistics: expected some of {', '.join(STATISTICS)}, received {name!r}{hint}"
            )
    return tuple(dict.fromkeys(names))
