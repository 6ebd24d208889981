"""Importing what others wrote: users' files, and Keras with its backend.

Whatever an import raises becomes one clear line, and what a backend prints while it starts
(TensorFlow writes a dozen lines to standard error) stays off the user's terminal.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasaudit.errors import BackendMissingError, KerasAuditError, TargetError

__all__ = ["importing"]

_BACKENDS = ("keras", "tensorflow", "jax", "torch")


@contextmanager
def importing(what: str, beside: Path | None = None) -> Iterator[None]:
    """Import in here: an error becomes one line that names `what`; `beside` is importable too.

    Raises:
        BackendMissingError: Keras or its backend is not installed; the line says what to install.
        TargetError: the import raises anything else.
    """
    if beside is not None:
        sys.path.insert(0, str(beside))
    try:
        _start_keras_quietly()
        with contextlib.redirect_stdout(sys.stderr):  # what an import prints is no result
            yield
    except (KerasAuditError, KeyboardInterrupt, GeneratorExit):
        raise
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _BACKENDS:
            raise BackendMissingError(
                f"{what} needs Keras 3 with a backend, but {missing!r} is not installed: "
                "pip install 'kerasaudit[tensorflow]' (or [jax], [torch]); KERAS_BACKEND picks it"
            ) from error
        raise TargetError(f"{what} cannot be imported: {error}") from error
    except BaseException as error:  # also SystemExit, and what pytest.skip() raises
        raise TargetError(
            f"{what} cannot be imported: it raised {type(error).__name__}: {error}"
        ) from error
    finally:
        if beside is not None and str(beside) in sys.path:
            sys.path.remove(str(beside))


def _start_keras_quietly() -> None:
    """Import Keras once and wake its devices; a failure is for the caller to meet."""
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _quiet_stderr(), contextlib.suppress(Exception):
        keras = importlib.import_module("keras")
        # TensorFlow looks for its devices at the first operation, and says what it did not find.
        keras.ops.convert_to_tensor(0.0)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep standard error silent, C++ included: the descriptor itself is moved, and moved back."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error to keep silent
        yield
        return
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
