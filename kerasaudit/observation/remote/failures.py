"""What goes wrong on the way to a remote file, in one line each that has no secret in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from kerasaudit.errors import KerasAuditError, TargetError
from kerasaudit.observation.remote.address import scheme_of, without_secrets

__all__ = ["one_line_errors", "opening_errors"]

# What each protocol needs beside fsspec, and the extra that brings it.
_NEEDS = {
    "http": ("aiohttp", "remote"),
    "https": ("aiohttp", "remote"),
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"),
    "hf": ("huggingface_hub", "hf"),
}


@contextmanager
def opening_errors(url: str, name: str) -> Iterator[None]:
    """Say which package a protocol lacks, or that there is no such protocol."""
    scheme = scheme_of(url)
    try:
        yield
    except ImportError:
        package, extra = _NEEDS.get(scheme, ("the package of its protocol", "remote"))
        try:
            import fsspec  # noqa: F401 - is it this that is missing?
        except ImportError:
            package = "fsspec" if package != "aiohttp" else "fsspec and aiohttp"
        message = f'{name}: {scheme}:// needs {package}: pip install "kerasaudit[{extra}]"'
    else:
        return
    raise TargetError(message)  # outside of the except: what caused it may hold the whole URL


@contextmanager
def one_line_errors(url: str, name: str) -> Iterator[None]:
    """Turn what fsspec, a store's package or the network raises into one line."""
    try:
        yield
    except (KerasAuditError, ImportError):
        raise
    except Exception as error:  # noqa: BLE001 - each store's package raises its own
        message = f"{name}: cannot be read: {without_secrets(_told(error), url)}"
    else:
        return
    raise TargetError(message)  # outside of the except: what caused it may hold the whole URL


def _told(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
