"""HTML: one self-contained page, read without a network and without JavaScript.

The page forbids itself everything from outside (a content security policy that allows its own
style and script by their hashes), so that what a model file calls its layers can do nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report import svg, wording
from kerasaudit.report.wording import partition, printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["FORMAT", "SUFFIX", "fragment", "index", "render"]

FORMAT = "html"
SUFFIX = ".html"


def render(results: Sequence[Audit | Failure]) -> str:
    """Render results as one page: an audit in full, or several after a table of them."""
    audits, failures = partition(results)
    title = audits[0].name if len(audits) == 1 else "kerasaudit"
    if len(results) == 1 and not audits:
        title = failures[0].target
    return _page(
        "audits.jinja",
        title=printable(title),
        audits=audits,
        failures=failures,
        links=[f"#a{number}" for number in range(len(audits))],
    )


def index(pages: Sequence[tuple[Audit | Failure, str | None]]) -> str:
    """A page over several reports.

    Args:
        pages: each result with the page that shows it, relative to this one; `None` for a failure.
    """
    audits, failures = partition([result for result, _ in pages])
    links = [quote(page) for _, page in pages if page is not None]
    return _page(
        "index.jinja", title="Audited models", audits=audits, failures=failures, links=links
    )


def fragment(audit: Audit) -> str:
    """A small table for a notebook: no script, no style sheet, in the notebook's own colours."""
    return _environment().get_template("fragment.jinja").render(audit=audit)


def _page(template: str, **values: Any) -> str:
    style, script = _asset("style.css"), _asset("script.js")
    return (
        _environment()
        .get_template(template)
        .render(style=style, script=script, policy=_policy(style, script), **values)
    )


@functools.cache
def _asset(name: str) -> str:
    return files("kerasaudit.report").joinpath("templates", name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """What the page may load: nothing but the style and script that stand in it."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("kerasaudit.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        keep_trailing_newline=True,
    )
    environment.globals.update(
        wording=wording,
        marks=wording.MARKS,
        words=wording.STATUS_WORDS,
        count=wording.count,
        segments=svg.segments,
        bar=lambda stretches, number: Markup(svg.bar(stretches, number)),  # noqa: S704
    )
    environment.filters.update(breakable=_breakable, own=Markup)
    environment.tests["set_apart"] = wording.set_apart
    return environment


def _breakable(name: str) -> Markup:
    """A name that may be broken after its underscores and slashes, where a narrow column must."""
    from markupsafe import Markup, escape

    text = str(escape(printable(name)))  # what escaping writes holds neither of the two
    return Markup(text.replace("_", "_<wbr>").replace("/", "/<wbr>"))  # noqa: S704


def _finalize(value: Any) -> Any:
    """Escape what does not print in every value that a template writes, its own markup apart."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else printable(value)
