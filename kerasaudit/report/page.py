"""What every HTML page has in common: its policy, its style and script, and how values are escaped.

The page forbids itself everything from outside (a content security policy that allows its own
style and script by their hashes), so that what a model file calls its layers can do nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kerasaudit.report import wording
from kerasaudit.report.wording import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["environment", "page"]

# As the script has it. Counts have no exponent.
_FIGURE = r"^[-+]?\d+(\.\d+)?$"


def page(
    environment: Environment,
    template: str,
    *,
    styles: Sequence[str] = ("style.css",),
    figure: str = _FIGURE,
    rules: str = "",
    **values: Any,
) -> str:
    """Render a template that extends the layout.

    Args:
        environment: what renders it.
        template: its name.
        styles: the style sheets that the page holds.
        figure: what the page's script sorts as a figure, as a regular expression.
        rules: style rules that this page alone has.
        values: what the template shows.
    """
    style = "".join(map(_asset, styles)) + rules
    script = _asset("script.js").replace(_FIGURE, figure)
    return environment.get_template(template).render(
        style=style, script=script, policy=_policy(style, script), **values
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


def environment(names: Mapping[str, Any], tests: Mapping[str, Any] | None = None) -> Environment:
    """What renders templates; `names` are what they call, beside what all of them do."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader("kerasaudit.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        keep_trailing_newline=True,
    )
    made.globals.update(
        wording=wording,
        marks=wording.MARKS,
        words=wording.STATUS_WORDS,
        count=wording.count,
        **names,
    )
    made.filters.update(breakable=_breakable, own=Markup)
    made.tests.update(tests or {})
    return made


def _breakable(name: str) -> Markup:
    """A name that may be broken after its underscores and slashes, where a narrow column must."""
    from markupsafe import Markup, escape

    text = str(escape(printable(name)))  # what escaping writes holds neither of the two
    return Markup(text.replace("_", "_<wbr>").replace("/", "/<wbr>"))  # noqa: S704


def _finalize(value: Any) -> Any:
    """Escape what does not print in every value that a template writes, its own markup apart."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else printable(value)
