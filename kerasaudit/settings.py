"""What a project asks of its models, in `pyproject.toml` or `kerasaudit.toml`.

Under `[tool.kerasaudit]` (in `kerasaudit.toml` at the top):

    targets = ["models/", "zoo/*.keras"]      # what `kerasaudit audit` without a TARGET audits
    locks = "audits"                          # the folder of the locks

    [budgets."models/*"]                      # of each model whose target fits, the most that it
    max_params = "5M"                         # may take; of several patterns the last one counts
    [budgets."models/*".layers."conv*"]       # of each layer whose path fits
    max_params = "100k"

    [exempt."models/net.py::net"]             # layers that are waived, each with the reason
    scale = "reviewed by hand"

    [severity]                                # findings that are shown and do not fail
    KA112 = "warning"

    [limits]                                  # how much of a file is read
    seconds = 5

Paths are relative to the file, and a link may go by the name of where it leads. A flag or an
environment variable goes before what stands here.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from kerasaudit.config import DEFAULT_LIMITS, Limits, checked_limits
from kerasaudit.errors import ConfigError, KerasAuditError
from kerasaudit.finding import Finding
from kerasaudit.location import Location, is_path
from kerasaudit.pattern import fits
from kerasaudit.reconciliation.budget import QUANTITIES, Budget
from kerasaudit.reconciliation.findings import finding
from kerasaudit.reconciliation.policy import Policy, policy
from kerasaudit.reconciliation.result import Audit, Failure

__all__ = ["Settings", "find_settings", "read_settings"]

_OWN = "kerasaudit.toml"
_SHARED = "pyproject.toml"
_LEFT_OVER = "KA505"
_LARGEST = 4 * 1024 * 1024  # bytes; a settings file is a few hundred lines


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a project; without a file there are none.

    `file` is where they stand, `root` its folder. `targets` and `locks` are as `kerasaudit` takes
    them in the working directory; `budgets` and `exempt` are by patterns of targets, in order.
    """

    file: Path | None = None
    root: Path = field(default_factory=Path)
    targets: tuple[str, ...] = ()
    locks: Path | None = None
    budgets: Mapping[str, tuple[Budget, ...]] = field(default_factory=dict)
    exempt: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    severity: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = DEFAULT_LIMITS

    def policy_of(self, target: str) -> Policy:
        """What is asked of the model that a target names."""
        asked = Policy(severity=self.severity)
        names = self._names(target)
        for pattern, budgets in self.budgets.items():
            if _fits(names, pattern):
                asked = asked.and_then(Policy(budgets=budgets))
        for pattern, waived in self.exempt.items():
            if _fits(names, pattern):
                asked = asked.and_then(Policy(exempt=waived, shared=frozenset(waived)))
        return asked

    def unneeded(self, audit: Audit) -> list[Finding]:
        """What is waived of one model by its name, and needs no waiver, as findings of its own."""
        left = self.left_over([audit], whole=False)
        return [finding(_LEFT_OVER, one.target, one.message) for one in left]

    def left_over(self, results: Iterable[Audit | Failure], *, whole: bool) -> list[Failure]:
        """What stands in the settings and no longer applies to any of the models that were audited.

        Args:
            results: what was audited.
            whole: whether that is all that there is. If not, a pattern may be for others, and only
                what is for one of the targets by its name is judged.
        """
        audits: list[tuple[Audit, tuple[str, ...]]] = []
        failed: list[tuple[str, ...]] = []
        for one in results:
            names = self._names(one.target)
            if isinstance(one, Audit):
                audits.append((one, names))
            else:
                failed.append(names)
        left: list[Failure] = []
        if whole:
            targets = [*(names for _, names in audits), *failed]
            for table, patterns in (("exempt", self.exempt), ("budgets", self.budgets)):
                unfit = (p for p in patterns if not any(_fits(names, p) for names in targets))
                left += [self._unfitting(pattern, table) for pattern in unfit]
        for pattern, waived in self.exempt.items():
            fitting = [(audit, names) for audit, names in audits if _fits(names, pattern)]
            by_name = [_normal(pattern) in names for _, names in fitting] == [True]
            # Of a target that could not be audited nobody knows whether it needs an exemption.
            known = fitting and not any(_fits(names, pattern) for names in failed)
            if known and (whole or by_name):
                left += [
                    self._unneeded(pattern, layer)
                    for layer in waived
                    if not any(_waives(layer, audit) for audit, _ in fitting)
                ]
        return left

    def _names(self, target: str) -> tuple[str, ...]:
        """What a pattern may call a target: its path from the root, or whole, or past all links."""
        if not is_path(target):
            return (target,)
        file, separator, builder = target.partition("::")
        whole = os.path.abspath(file)  # noqa: PTH100 - no link is followed
        files = [os.path.relpath(file, self.root), whole]
        with contextlib.suppress(ValueError):  # a NUL in it
            files.append(os.path.relpath(os.path.realpath(file), os.path.realpath(self.root)))
        named = (f"{Path(name).as_posix()}{separator}{builder}" for name in files)
        return tuple(dict.fromkeys(named))

    def _unfitting(self, pattern: str, table: str) -> Failure:
        message = f"{self._place(table, pattern)}: no model that was audited has such a target"
        return self._failure(table, pattern, message)

    def _unneeded(self, pattern: str, layer: str) -> Failure:
        where = f"{self._place('exempt', pattern)} {layer!r}"
        message = f"{where}: no layer that needs an exemption has that path"
        return self._failure("exempt", pattern, message)

    def _place(self, table: str, pattern: str) -> str:
        name = self.file.name if self.file else "settings"
        return f'{name} [{table}."{pattern}"]'

    def _failure(self, table: str, pattern: str, message: str) -> Failure:
        location = self._location(table, pattern)
        return Failure(pattern, message, code=_LEFT_OVER, location=location)

    def _location(self, table: str, pattern: str) -> Location | None:
        """Where the pattern stands first, in the header of its table: TOML keeps no lines."""
        if self.file is None:
            return None
        lines = dict(enumerate(self.file.read_text("utf-8").splitlines(), 1))
        written = [number for number, line in lines.items() if pattern in line]
        header = re.compile(rf"\s*\[.*\b{table}\b")
        headers = [number for number in written if header.match(lines[number])]
        return Location(str(self.file), next(iter(headers or written), None))


def _fits(names: Sequence[str], pattern: str) -> bool:
    """Whether a pattern is a name of a target, a wildcard for it, or a file or folder of it."""
    plain = _normal(pattern)
    if plain == ".":
        return is_path(names[0]) and not names[0].startswith("../")
    below = (f"{plain}/", f"{plain}::")
    return any(
        fits(name, plain) or name.startswith(below)
        for name in names
        if Path(name).is_absolute() == Path(plain).is_absolute()
    )


def _normal(pattern: str) -> str:
    """A pattern as targets are named: of `./models//` it is `models`."""
    if not is_path(pattern):
        return pattern.rstrip("/")
    file, separator, builder = pattern.partition("::")
    return f"{posixpath.normpath(file)}{separator}{builder}"


def _waives(layer: str, audit: Audit) -> bool:
    return any(row.status == "exempt" and fits(row.path, layer) for row in audit.layers)


def find_settings(start: Path | None = None) -> Settings:
    """The settings of the project that a folder is in: the nearest file that has some.

    Args:
        start: the folder to look in, and above; by default the working directory.

    Raises:
        ConfigError: a file has some that cannot be read, or two files of a folder have.
    """
    here = (start or Path()).absolute()
    for folder in (here, *here.parents):
        own, shared = folder / _OWN, folder / _SHARED
        section = _section(shared) if shared.is_file() else None
        if own.is_file() and section is not None:
            raise ConfigError(f"{own}: expected settings in one file, {_SHARED} has some as well")
        if own.is_file() or section is not None:
            return read_settings(own if own.is_file() else shared)
    return Settings(root=here)


def read_settings(file: str | Path) -> Settings:
    """The settings in a file.

    Raises:
        ConfigError: it cannot be read, or says what there is not; the message says where.
    """
    path = Path(file)
    section = _section(path) if path.name == _SHARED else _document(path)
    if section is None:
        raise ConfigError(f"{path}: expected [tool.kerasaudit], there is none")
    return _Reader(path).settings(section)


def _section(path: Path) -> dict[str, Any] | None:
    tools = _document(path).get("tool")
    section = tools.get("kerasaudit") if isinstance(tools, dict) else None
    if section is not None and not isinstance(section, dict):
        raise ConfigError(f"{path}: tool.kerasaudit: expected a table, received {section!r}")
    return section


def _document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > _LARGEST:
        raise ConfigError(f"{path}: expected at most {_LARGEST:,} bytes")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are
        raise ConfigError(f"{path}: is not TOML: {error}") from error


class _Reader:
    """Reads a section; whatever is wrong in it is named with its file and key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path.absolute().parent

    def settings(self, section: Mapping[str, Any]) -> Settings:
        readers: Mapping[str, Callable[[Any], Any]] = {
            "targets": self._targets,
            "locks": self._locks,
            "budgets": self._budgets,
            "exempt": self._exempt,
            "severity": self._severity,
            "limits": self._limits,
        }
        self._check_keys("", section, readers)
        read = {key: readers[key](value) for key, value in section.items()}
        return Settings(file=self.path, root=self.root, **read)

    def _targets(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(t, str) and t for t in value):
            raise self._error("targets", "a list of targets", value)
        return tuple(self._from_here(target) for target in value)

    def _locks(self, value: Any) -> Path:
        if not isinstance(value, str) or not value:
            raise self._error("locks", "the path of a folder", value)
        return Path(self._from_here(value))

    def _from_here(self, target: str) -> str:
        """A target as it is named from the working directory; a folder keeps its last slash."""
        if not is_path(target):
            return target
        file, separator, builder = target.partition("::")
        path = Path(os.path.relpath(self.root / file)).as_posix()
        return f"{path}{'/' if file.endswith('/') else ''}{separator}{builder}"

    def _budgets(self, value: Any) -> dict[str, tuple[Budget, ...]]:
        return {
            pattern: tuple(self._budgets_of(pattern, table))
            for pattern, table in self._patterns("budgets", value).items()
        }

    def _budgets_of(self, pattern: str, value: Any) -> Iterator[Budget]:
        key = f'budgets."{pattern}"'
        table = dict(self._table(key, value))
        layers = self._table(f"{key}.layers", table.pop("layers", {}))
        yield from self._most(key, table, None, "layers")
        for layer, held in layers.items():
            where = f'{key}.layers."{layer}"'
            yield from self._most(where, self._table(where, held), layer)

    def _most(
        self, key: str, table: Mapping[str, Any], layer: str | None, *more: str
    ) -> Iterator[Budget]:
        known = {f"max_{quantity}": quantity for quantity in QUANTITIES}
        self._check_keys(key, table, [*known, *more])
        for name, limit in table.items():
            with _Named(f"{self.path}: {key}"):
                yield Budget(known[name], limit, layer, f"{self.path.name} [{key}]")

    def _exempt(self, value: Any) -> dict[str, dict[str, str]]:
        found = {}
        for pattern, waived in self._patterns("exempt", value).items():
            key = f'exempt."{pattern}"'
            with _Named(f"{self.path}: {key}"):
                found[pattern] = dict(policy(exempt=self._table(key, waived)).exempt)
        return found

    def _severity(self, value: Any) -> Mapping[str, str]:
        with _Named(f"{self.path}"):
            return policy(severity=self._table("severity", value)).severity

    def _limits(self, value: Any) -> Limits:
        table = self._table("limits", value)
        self._check_keys("limits", table, [limit.name for limit in fields(Limits)])
        with _Named(f"{self.path}"):
            return checked_limits(table)

    def _table(self, key: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._error(key, "a table", value)
        return value

    def _patterns(self, key: str, value: Any) -> Mapping[str, Any]:
        table = self._table(key, value)
        if "" in table:
            raise self._error(key, "patterns of targets", "")
        return table

    def _check_keys(self, key: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
        for name in table:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                where = f"{key}.{name}" if key else name
                raise ConfigError(f"{self.path}: {where}: there is no such setting; {hint}")

    def _error(self, key: str, expected: str, value: Any) -> ConfigError:
        return ConfigError(f"{self.path}: {key}: expected {expected}, received {value!r}")


class _Named:
    """Says in front of an error where the value stands that it is about."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KerasAuditError):
            raise ConfigError(f"{self.where}: {error}") from error
