"""Renders results; one module a format; computes nothing.

A format is a module that declares `FORMAT` (its name), `SUFFIX` (of its files, `None` for a format
that is not saved; a second one may stand in `ALSO`) and `render(results) -> str` (or `bytes`, or an
iterator of pieces of text, where the whole may be large). Adding such a module adds the format;
nothing else is edited. A format imports the library it needs where it renders, so that finding the
formats costs nothing and asking for JSON loads neither Jinja nor rich nor pandas.

There are five families of results: audits, whose formats are the modules of this package,
recorded runs of gradients, whose formats are those of `kerasaudit.report.gradients`, diffs, whose
formats are those of `kerasaudit.report.diff`, models worked through path by path, whose formats are
those of `kerasaudit.report.explanation`, and documents whose figures were judged, whose formats are
those of `kerasaudit.report.documents`. A report is of one family. Failures may stand in any.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, TypeAlias

from kerasaudit.errors import TargetError
from kerasaudit.location import of_target, placeless
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report.places import in_repository, placed
from kerasaudit.writing import inside, write_whole

if TYPE_CHECKING:
    from kerasaudit.backprop.lesson import Lesson
    from kerasaudit.gradients.summary import RunSummary
    from kerasaudit.reconciliation.differences import Diff
    from kerasaudit.reconciliation.prose.document import Document

__all__ = ["append", "check", "formats", "render", "save"]

# A name out of a JSON file may hold half a surrogate pair, which no file and no terminal takes.
_ESCAPED = "backslashreplace"

Result: TypeAlias = "Audit | RunSummary | Diff | Lesson | Document | Failure"
Content = str | bytes | Iterable[str]

# The package of a family's formats, by the name of its class: who audits loads no gradients.
_FAMILIES: Mapping[str, str] = {
    "Audit": __name__,
    "RunSummary": f"{__name__}.gradients",
    "Diff": f"{__name__}.diff",
    "Lesson": f"{__name__}.explanation",
    "Document": f"{__name__}.documents",
}

# What a folder of reports holds of each result: to read, to process, and of an audit or a list of
# paths to open as a sheet, of a run (whose sheet may be gigabytes) to paste. A family that is not
# here has its reports in files alone.
_IN_FOLDER: Mapping[str, tuple[str, ...]] = {
    "Audit": ("html", "json", "csv"),
    "RunSummary": ("html", "json", "markdown"),
    "Diff": ("html", "json", "markdown"),
    "Lesson": ("html", "json", "csv"),
}


@functools.cache
def formats(family: type = Audit) -> Mapping[str, ModuleType]:
    """Every report format of a family by name: `Audit`, `RunSummary`, `Diff`, `Lesson`, `Document`.

    >>> formats()["csv"].SUFFIX
    '.csv'
    """
    package = importlib.import_module(_FAMILIES[family.__name__])
    found = {}
    for entry in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{entry.name}")
        if hasattr(module, "FORMAT"):
            found[module.FORMAT] = module
    return MappingProxyType(dict(sorted(found.items())))


def render(results: Sequence[Result], format: str, family: type = Audit) -> str:  # noqa: A002 - what users call it
    """Render audits, or recorded runs, or diffs, and failures as one report.

    Args:
        results: what was audited, recorded or compared, in the order in which it is to stand.
        format: the name of a format.
        family: what a report of failures alone is of.

    Raises:
        TargetError: there is no such format, or it is not text; the message names those there are.
            Or there are results of two families.
    """
    content = _content(results, format, _family(results, family))
    if isinstance(content, bytes):
        raise TargetError(f"{format} is not text and cannot be printed; save it to a file")
    text = content if isinstance(content, str) else "".join(content)
    return text.encode(errors=_ESCAPED).decode()


def _content(results: Sequence[Result], format: str, family: type) -> Content:  # noqa: A002 - what users call it
    known = formats(family)
    module = known.get(format)
    if module is None:
        raise TargetError(f"no report format {format!r}; there are {', '.join(known)}")
    content: Content = module.render([_placeless(result) for result in results])
    return content


def _family(results: Sequence[Result], otherwise: type) -> type:
    """What a report is of; `otherwise` of failures alone, or of nothing."""
    found = {type(one) for one in results if type(one).__name__ in _FAMILIES}
    if len(found) > 1:
        raise TargetError(
            "a report is of one family alone: audits, recorded gradients, diffs, explanations or "
            "documents"
        )
    return next(iter(found), otherwise)


def save(results: Sequence[Result], path: str | Path, family: type = Audit) -> None:
    r"""Write a report to a file whose suffix names the format, or to a folder.

    A file is replaced whole or left as it was. A folder (one that exists, or a path that ends
    with "/") receives for each audit `<group>/<name>.html`, `.json` and `.csv`, the group being
    the stem of the file that the target names, for each run or diff `<name>.html`, `.json` and
    `.md`, and an `index.html` over all of them.

    Args:
        results: what was audited or recorded.
        path: where to write.
        family: what a report of failures alone is of.

    Raises:
        TargetError: no format has that suffix, the path cannot be written or is that of a file
            that the results are of, or there are results of two families.

    >>> save([], "report.xls")
    Traceback (most recent call last):
    kerasaudit.errors.TargetError: report.xls: no report has the suffix '.xls'; known are .csv, .html, .json, .md, .parquet, .sarif, .sarif.json, .xml
    """  # noqa: E501
    path_as_given = os.fspath(path)
    family = _family(results, family)
    check(path, family)
    if _is_folder(path_as_given):
        _save_folder(results, Path(path_as_given), family)
        return
    content = _content(results, _format_of(Path(path), family), family)
    _write(Path(path), content, _sources(results))


def append(results: Sequence[Result], format: str, path: str | Path) -> None:  # noqa: A002 - what users call it
    """Append a report to a file that others write to as well, such as a job's summary.

    Args:
        results: what was audited or recorded.
        format: the name of a format.
        path: the file; it is made if it is not there.

    Raises:
        TargetError: there is no such format, or the file cannot be written.

    >>> append([], "github-summary", "no/such/folder/summary.md")
    Traceback (most recent call last):
    kerasaudit.errors.TargetError: no/such/folder/summary.md: cannot be written: No such file or directory
    """  # noqa: E501
    text = render(results, format)
    try:
        with Path(path).open("ab") as stream:
            stream.write(text.encode())
    except OSError as error:
        raise TargetError(f"{path}: cannot be written: {error.strerror or error}") from error


def check(path: str | Path, family: type = Audit) -> None:
    """Raise `TargetError` if no report of a family can be written to `path`.

    That is, have its suffix, or several in that folder.
    """
    if not _is_folder(os.fspath(path)):
        _format_of(Path(path), family)
    elif family.__name__ not in _IN_FOLDER:
        raise TargetError(f"{path}: expected a file for the report, received a folder")


def _is_folder(path: str) -> bool:
    return path.endswith(("/", os.sep)) or os.path.isdir(path)  # noqa: PTH112


def _format_of(path: Path, family: type) -> str:
    known = {
        suffix: name
        for name, module in formats(family).items()
        for suffix in (module.SUFFIX, getattr(module, "ALSO", None))
        if suffix
    }
    # Of two suffixes together the longer one: .sarif.json is not the other JSON.
    together = "".join(path.suffixes[-2:]).lower()
    suffix = together if together in known else path.suffix.lower()
    if suffix not in known:
        names = ", ".join(sorted(known))
        raise TargetError(f"{path}: no report has the suffix {suffix!r}; known are {names}")
    return known[suffix]


def _sources(results: Iterable[Result]) -> set[str]:
    """The files that results are of: a report in the place of one would be the end of it."""
    sides = (getattr(result, side, result) for result in results for side in ("old", "new"))
    places = (of_target(side.target) for side in sides)
    return {os.path.realpath(place.file) for place in places if place is not None}


def _write(path: Path, content: Content, sources: Container[str]) -> None:
    if os.path.realpath(path) in sources:
        raise TargetError(f"{path}: expected another path, the report is of this file")
    pieces = [content] if isinstance(content, (str, bytes)) else content
    encoded = (piece if isinstance(piece, bytes) else _encoded(piece) for piece in pieces)
    write_whole(path, encoded)


def _encoded(text: str) -> bytes:
    return text.encode(errors=_ESCAPED)


# -- a folder of reports ------------------------------------------------------------------------


def _save_folder(results: Sequence[Result], folder: Path, family: type) -> None:
    known, sources = formats(family), _sources(results)
    pages: list[tuple[Result, str | None]] = []
    for result, stem in zip(results, _stems(results), strict=True):
        if stem is None:
            pages.append((_placeless(result), None))
            continue
        for name in _IN_FOLDER[family.__name__]:
            path = inside(folder, f"{stem}{known[name].SUFFIX}")
            _write(path, _content([result], name, family), sources)
        pages.append((_placeless(result), f"{stem}{known['html'].SUFFIX}"))
    index = known["html"].index(pages)
    _write(inside(folder, "index.html"), index, sources)


def _stems(results: Sequence[Result]) -> Iterator[str | None]:
    """`group/name` for each result, no two alike even where a file system ignores case."""
    taken = {"index"}
    for result in results:
        if isinstance(result, Failure):
            yield None
            continue
        group = _group(result.target) if isinstance(result, Audit) else None
        stem = first = f"{group}/{_sane(result.name)}" if group else _sane(result.name)
        number = 2
        while stem.casefold() in taken:
            stem, number = f"{first}-{number}", number + 1
        taken.add(stem.casefold())
        yield stem


def _group(target: str) -> str | None:
    """The stem of the file in a target, `None` where it names no file.

    >>> _group("models/cnn_coding.py::cnn_coding"), _group("a/net.json"), _group("package.a:build")
    ('cnn_coding', 'net', None)
    """
    file, separator, _ = target.partition("::")
    path = PurePath(file)
    is_file = separator or re.fullmatch(r"\.[A-Za-z0-9]{1,5}", path.suffix)
    return _sane(path.stem) if is_file else None


def _sane(name: str) -> str:
    """A name that is one path segment on every system."""
    return re.sub(r"[^\w.+-]+", "_", name, flags=re.ASCII)[:80].strip("._") or "model"


# -- reproducible reports -----------------------------------------------------------------------


def _placeless(result: Result) -> Result:
    """The result without an absolute path: a report must not depend on where it was made."""
    from kerasaudit.reconciliation.differences import Diff

    if isinstance(result, Diff):
        return _placeless_diff(result)
    if isinstance(result, Audit) and result.drift is not None:
        result = replace(result, drift=_placeless_diff(result.drift))
    file, target = placeless(result.target)
    if isinstance(result, Failure):
        short = target.partition("::")[0]
        message = result.message.replace(file, short)
        place = in_repository(result.location)
        return replace(result, target=target, message=message, location=place)
    return replace(placed(result) if isinstance(result, Audit) else result, target=target)


def _placeless_diff(diff: Diff) -> Diff:
    old, new = (replace(side, target=placeless(side.target)[1]) for side in (diff.old, diff.new))
    return replace(diff, old=old, new=new)
