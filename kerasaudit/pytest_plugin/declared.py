"""The builders that a Python file declares, read out of its source: nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kerasaudit.errors import TargetError

__all__ = ["Declared", "DeclaredBuilder", "DeclaredClaim", "read_builders"]

_PACKAGE = "kerasaudit"
_BUILDER = ("kerasaudit.builder", "kerasaudit.zoo.builder")
_CLAIM = ("kerasaudit.Claim", "kerasaudit.zoo.Claim")
_STAR = ("builder", "zoo", "Claim")  # of what `from kerasaudit import *` binds


@dataclass(frozen=True, slots=True)
class DeclaredClaim:
    """A claim as it is written: what it speaks of, and its line."""

    subject: str
    quantity: str
    line: int


@dataclass(frozen=True, slots=True)
class DeclaredBuilder:
    """A function marked as a builder.

    `claims` are `None` where the source alone does not tell them (they are computed).
    """

    name: str
    function: str
    line: int
    claims: tuple[DeclaredClaim, ...] | None


@dataclass(frozen=True, slots=True)
class Declared:
    """The builders of a file; `others`: it makes some that only running it tells."""

    builders: tuple[DeclaredBuilder, ...]
    others: bool
    tests: bool

    def __bool__(self) -> bool:
        return bool(self.builders) or self.others


def read_builders(path: Path) -> Declared:
    """The builders that a file declares.

    Raises:
        TargetError: it cannot be read, or is no Python.

    >>> from kerasaudit import zoo
    >>> found = read_builders(zoo.folder() / "cnn_coding.py")
    >>> [(builder.name, len(builder.claims)) for builder in found.builders][-1]
    ('cnn_coding', 2)
    """
    try:
        source = path.read_bytes()
        if _PACKAGE.encode() not in source:
            return Declared((), others=False, tests=False)
        tree = ast.parse(source, path.name)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise TargetError(f"{path.name}: {type(error).__name__}: {error}") from error
    return _File(tree).read()


class _File:
    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.names = dict(_imported(tree))

    def read(self) -> Declared:
        found: dict[str, DeclaredBuilder] = {}
        marks: set[ast.expr] = set()
        tests = False
        for node in _top_level(self.tree.body):
            tests = tests or node.name.lower().startswith("test")
            for mark in node.decorator_list if not isinstance(node, ast.ClassDef) else ():
                if isinstance(mark, ast.Call) and self._is(mark.func, _BUILDER):
                    marks.add(mark.func)
                    builder = self._builder(node.name, mark)
                    found.pop(node.name, None)  # the last of a name is the one there is
                    found[node.name] = builder
        others = any(
            isinstance(node, (ast.Name, ast.Attribute))
            and node not in marks
            and self._is(node, _BUILDER)
            for node in ast.walk(self.tree)
        )
        return Declared(tuple(found.values()), others, tests)

    def _is(self, node: ast.expr, names: tuple[str, ...]) -> bool:
        return self._dotted(node) in names

    def _dotted(self, node: ast.expr) -> str | None:
        """The full name of what an expression such as `ka.zoo.builder` is."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            before = self._dotted(node.value)
            return f"{before}.{node.attr}" if before else None
        return None

    def _builder(self, function: str, mark: ast.Call) -> DeclaredBuilder:
        given = {keyword.arg: keyword.value for keyword in mark.keywords}
        name = _text(given.get("name")) or function
        claims = self._claims(given.get("claims"), spread=None in given)
        return DeclaredBuilder(name, function, mark.lineno, claims)

    def _claims(self, value: ast.expr | None, *, spread: bool) -> tuple[DeclaredClaim, ...] | None:
        if value is None:
            return None if spread else ()
        if not isinstance(value, (ast.List, ast.Tuple)):
            return None
        claims = [self._claim(element) for element in value.elts]
        known = tuple(claim for claim in claims if claim is not None)
        return known if len(known) == len(claims) else None

    def _claim(self, node: ast.expr) -> DeclaredClaim | None:
        """A claim whose subject and quantity stand there as texts, or `None`."""
        if not isinstance(node, ast.Call) or not self._is(node.func, _CLAIM):
            return None
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        subject = _text(node.args[0] if node.args else given.get("subject"))
        quantity = _text(given["quantity"]) if "quantity" in given else "params"
        if subject is None or quantity is None or None in given:
            return None
        return DeclaredClaim(subject, quantity, node.lineno)


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that the file's imports bind to the package or to what is in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == _PACKAGE:
                    yield (alias.asname, alias.name) if alias.asname else (_PACKAGE, _PACKAGE)
        elif isinstance(node, ast.ImportFrom) and node.module in (_PACKAGE, "kerasaudit.zoo"):
            for alias in node.names:
                bound = _STAR if alias.name == "*" else (alias.name,)
                for name in bound:
                    yield alias.asname or name, f"{node.module}.{name}"


def _top_level(
    body: list[ast.stmt],
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """What is defined in a module's own names, inside `if`, `try` and `with` too."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
            continue
        for _, value in ast.iter_fields(node):
            if isinstance(value, list):
                statements = [one for one in value if isinstance(one, ast.stmt)]
                yield from _top_level(statements)
                for one in value:
                    if isinstance(one, (ast.ExceptHandler, ast.match_case)):
                        yield from _top_level(one.body)


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
