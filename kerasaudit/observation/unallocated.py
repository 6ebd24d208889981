"""Building and looking at models without allocating a weight.

Inside a `keras.StatelessScope(initialize_variables=False)` a variable knows its shape and dtype
and has no value. Keras keeps such variables on a list of its own and gives them all a value when
the next ordinary stateless scope ends, anywhere in the process: that list must not outlive us.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_allocation"]

_PENDING = "uninitialized_variables"


@contextmanager
def without_allocation() -> Iterator[None]:
    """Variables made inside get no value, neither now nor later."""
    import keras
    from keras.src.backend.common import global_state

    before = global_state.get_global_attribute(_PENDING)
    global_state.set_global_attribute(_PENDING, [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_PENDING, before)
