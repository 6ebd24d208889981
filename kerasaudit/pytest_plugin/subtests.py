"""Subtests within one test of ours, where this pytest has them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

__all__ = ["subtests_of"]


def subtests_of(item: pytest.Item) -> Callable[[str], AbstractContextManager[Any]] | None:
    """What opens a subtest by its name; `None` where this pytest has none.

    pytest gives subtests to functions alone, by a fixture. What that is made of is all that is
    needed of a test that is none, so it is made here of the same.
    """
    made = getattr(pytest, "Subtests", None)
    if made is None:
        return None
    config = item.config
    capture = config.pluginmanager.get_plugin("capturemanager")
    suspended = capture.global_and_fixture_disabled if capture is not None else nullcontext
    request = SimpleNamespace(node=item, config=config, session=item.session)
    try:
        opened: Callable[[str], AbstractContextManager[Any]]
        opened = made(item.ihook, suspended, request, _ispytest=True).test
    except TypeError:  # another pytest makes them of something else: one failure lists all then
        return None
    return opened
