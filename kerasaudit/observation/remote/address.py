"""URLs as they are typed, and as they are shown: nothing secret in them is ever printed."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from kerasaudit.errors import TargetError

__all__ = ["is_url", "local_path", "scheme_of", "shown", "without_secrets"]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_INNER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_HERE = ("", "localhost")


def is_url(text: str) -> bool:
    """Whether a target is a URL.

    >>> is_url("https://example.org/a.keras"), is_url("zoo:lenet5"), is_url("a.keras")
    (True, False, False)
    """
    return _URL.match(text) is not None


def scheme_of(url: str) -> str:
    """What stands before "://", in small letters."""
    found = _URL.match(url)
    return found[1].lower() if found else ""


def shown(url: str) -> str:
    """A URL without user, password, query and fragment: these may be secret.

    >>> shown("https://me:secret@example.org:8000/a.keras?token=secret")
    'https://example.org:8000/a.keras'
    """
    parts = _split(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def local_path(url: str) -> Path | None:
    """The path that a `file://` URL stands for; `None` for any other URL.

    Raises:
        TargetError: it names another machine.
    """
    if scheme_of(url) != "file":
        return None
    parts = _split(url)
    if parts.netloc not in _HERE:
        raise TargetError(
            f"{shown(url)}: expected a file on this machine (file:///…), received the machine "
            f"{parts.netloc.rpartition('@')[2]!r}"
        )
    from urllib.request import url2pathname  # takes long to import

    return Path(url2pathname(parts.path))


def without_secrets(text: str, url: str) -> str:
    """What another package says of an error, without what `shown` leaves out.

    >>> without_secrets("400, url='https://example.org/a?k=1'", "https://example.org/a?k=1")
    "400, url='(the URL)'"
    """
    text = _INNER.sub("(the URL)", text)
    parts = _split(url)
    secrets = [parts.netloc.rpartition("@")[0], parts.password, parts.query, parts.fragment]
    secrets += [unquote(secret) for secret in secrets if secret]
    for secret in sorted((one for one in secrets if one), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        message = f"{scheme_of(url)}://…: expected a URL, but {error}"
    raise TargetError(message)  # outside of the except: the error would be shown with the URL
