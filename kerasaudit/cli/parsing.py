"""Texts of the command line, read: each refused in one line that names its option."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import TargetError

if TYPE_CHECKING:
    from kerasaudit.config import Limits
    from kerasaudit.reconciliation.budget import Budget
    from kerasaudit.settings import Settings

__all__ = [
    "locks_folder",
    "own_targets",
    "parse_arguments",
    "parse_budgets",
    "parse_exemption",
    "parse_limits",
    "parse_object",
    "parse_severities",
    "parse_shape",
    "settings_of",
]


def parse_arguments(text: str | None) -> dict[str, Any] | None:
    """Keyword arguments for a builder, as a JSON object."""
    return None if text is None else parse_object("--kwargs", text)


def parse_object(option: str, text: str) -> dict[str, Any]:
    """A JSON object, in the option that is named."""
    value = _parse_json(option, text, "a JSON object such as '{\"classes\": 10}'")
    if not isinstance(value, dict):
        raise TargetError(f"{option}: expected a JSON object, received {text}")
    return value


def parse_shape(text: str | None) -> Any:
    """A shape as "None,28,28,1", or any structure of shapes as JSON."""
    if text is None:
        return None
    plain = text.strip().strip("()")
    if plain.startswith(("[", "{")):
        return _parse_json("--input-shape", plain, "extents joined by commas, or JSON")
    extents: list[int | None] = []
    for part in filter(None, (part.strip() for part in plain.split(","))):
        if part.lower() in ("none", "null", "?"):
            extents.append(None)
        elif part.isascii() and part.isdigit():
            extents.append(int(part))
        else:
            raise TargetError(
                f"--input-shape: expected extents joined by commas, such as None,28,28,1, "
                f"received {text!r}"
            )
    return tuple(extents)


def parse_limits(texts: tuple[str, ...], settings: Settings) -> Limits:
    """Limits as NAME=NUMBER, the others as they are in the settings."""
    from kerasaudit.config import checked_limits

    pairs = [text.partition("=") for text in (*_environment("limit"), *texts)]
    given = {name.strip(): number.strip() for name, _, number in pairs}
    return checked_limits(given, settings.limits)


def parse_budgets(most: Mapping[str, tuple[str, ...]]) -> list[Budget]:
    """Budgets as N of the model, or LAYER=N, by the names of their options.

    One in the environment counts unless an option is for the same quantity of the same layers.
    """
    given = [one for name, texts in most.items() for one in _budgets(name, texts)]
    taken = {(one.quantity, one.layer) for one in given}
    others = [one for name in most for one in _budgets(name, _environment(name))]
    return [*(one for one in others if (one.quantity, one.layer) not in taken), *given]


def _budgets(name: str, texts: Iterable[str]) -> Iterator[Budget]:
    from kerasaudit.reconciliation.budget import Budget

    option = f"--{name.replace('_', '-')}"
    for text in texts:
        layer, separator, limit = text.rpartition("=")
        if separator and not layer.strip():
            raise TargetError(f"{option}: expected LAYER=N or N, received {text!r}")
        where = layer.strip() if separator else None
        yield Budget(name.removeprefix("max_"), limit.strip(), where, option)


def parse_severities(texts: tuple[str, ...]) -> dict[str, str]:
    """The severities of findings by their codes, as CODE=GRADE."""
    pairs = [text.partition("=") for text in (*_environment("severity"), *texts)]
    return {code.strip().upper(): grade.strip() for code, _, grade in pairs}


def _environment(name: str) -> list[str]:
    """What the environment says for an option that is given several times, parted by spaces.

    `click` takes it for the option where the command line has none, and else leaves it out.
    """
    return os.environ.get(f"KERASAUDIT_{name.upper()}", "").split()


def parse_exemption(text: str) -> tuple[str, str]:
    """A layer that is waived and the reason, as LAYER=REASON."""
    path, separator, reason = text.partition("=")
    if not separator or not path.strip() or not reason.strip():
        raise TargetError(f"--exempt: expected LAYER=REASON, received {text!r}")
    return path.strip(), reason.strip()


def _parse_json(option: str, text: str, expected: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise TargetError(f"{option}: expected {expected}, received {text!r}: {error}") from error


def settings_of(config: str | None) -> Settings:
    """The settings in the file that was named, or in the nearest one."""
    from kerasaudit.settings import find_settings, read_settings

    return find_settings() if config is None else read_settings(config)


def locks_folder(folder: str | None, settings: Settings) -> Path:
    """The folder of the locks: the one that was named, or the project's."""
    return Path(folder) if folder else settings.locks or Path("audits")


def own_targets(settings: Settings) -> tuple[str, ...]:
    """The targets in the settings, where the command line names none."""
    if not settings.targets:
        raise TargetError(
            "expected a TARGET, or targets in [tool.kerasaudit] of pyproject.toml; received none"
        )
    return settings.targets
