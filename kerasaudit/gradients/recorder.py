"""The recorder: a Keras callback that records the gradients of the training it is given to."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

import keras

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.backends import record
from kerasaudit.gradients.diagnosis import DIAGNOSES, Diagnosis, GradientFinding, incomplete
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.plan import make_plan
from kerasaudit.gradients.run import Overhead, Run
from kerasaudit.gradients.statistics import DEFAULT, checked
from kerasaudit.gradients.store import MemoryStore, ParquetStore, Store
from kerasaudit.gradients.versions import about

if TYPE_CHECKING:
    import pandas

    from kerasaudit.gradients.backends.recording import Recording
    from kerasaudit.gradients.plan import Plan
    from kerasaudit.gradients.tape import TapeRecording

__all__ = ["GradientRecorder"]

# Which recorder is on which model: two at a time would each hook the other's hooks.
_ATTACHED: weakref.WeakKeyDictionary[Any, GradientRecorder] = weakref.WeakKeyDictionary()


class GradientRecorder(keras.callbacks.Callback):
    """Records, for every kernel, what the optimizer is given in each step of a real training.

    It is given to `fit` as a callback. Nothing is computed twice and nothing of the training is
    changed: the statistics are part of the traced step, and the hooks are gone when `fit` ends,
    also by an exception. Used as a context manager it stays on through several calls of `fit`, and
    they are one session; otherwise each `fit` is a session of its own.

    Args:
        store: a folder for a Parquet data set, written in parts as training runs (needs pyarrow);
            a folder with a run in it is appended to. `None`: in memory, of bounded size.
        every: record one step in so many, the first included.
        layers: the paths of layers to record, or patterns ("encoder/*"); `None`: all.
        statistics: what to compute of each kernel, of `statistics.STATISTICS`: "l2", "max_abs",
            "mean", "std", "min", "max", "mean_abs", "zero_fraction", "histogram" of the gradient,
            and "weight_l2", "weight_std", "update_l2", "update_ratio" around the real update.
        taps: where gradients are taken: "raw" (always), "clipped", "applied".
        elements: paths of weights ("conv2d/kernel") that are kept element by element.
        thresholds: of the diagnoses, `{"vanishing": {"absolute": 1e-9}}`; `None` for one switches
            it off.
        stop_on: names of diagnoses that stop the training; the rings are then read after every
            step, which costs time.

    Raises:
        ConfigError: an unknown statistic, tap, diagnosis or threshold; when the training begins, a
            layer or weight that the model does not have.
        TargetError: the store is no run, is in use, or cannot be written.

    >>> import numpy as np, keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="out")])
    >>> model.compile("sgd", "mse")
    >>> recorder = GradientRecorder()
    >>> history = model.fit(np.ones((8, 4)), np.ones((8, 2)), batch_size=4, verbose=0,
    ...                     callbacks=[recorder])
    >>> list(recorder.kernels.columns)[1:7], len(recorder.kernels)
    (['step', 'epoch', 'optimizer', 'layer', 'weight', 'kernel'], 8)
    """

    def __init__(
        self,
        store: str | Path | None = None,
        every: int = 1,
        layers: str | Sequence[str] | None = None,
        statistics: Sequence[str] = DEFAULT,
        *,
        taps: Sequence[str] = ("raw",),
        elements: str | Sequence[str] = (),
        thresholds: Mapping[str, Mapping[str, Any] | None] | None = None,
        stop_on: str | Sequence[str] = (),
    ) -> None:
        super().__init__()
        given = {"layers": layers, "statistics": statistics, "taps": taps, "elements": elements}
        for name, value in {**given, "stop_on": stop_on}.items():
            _check_names(name, value)
        self.every = every
        self.layers = layers
        self.statistics = checked(statistics)
        self.taps = taps
        self.elements_of = elements
        self.thresholds = thresholds
        self.stop_on = _diagnoses(stop_on)
        Diagnosis(Inventory(()), self.statistics, thresholds)  # refuses what it does not know, now
        self._store: Store = MemoryStore() if store is None else ParquetStore(store)
        self._session: _Session | None = None
        # Of the sessions that have ended: what was found, and what could not be judged.
        self._ended: list[GradientFinding] = []
        self._lacking: dict[tuple[str, str], None] = {}
        self._epoch = -1
        self._entered = False
        self._training: weakref.ref[Any] | None = None
        self._host_seconds = 0.0
        self._training_seconds = 0.0
        self._began: float | None = None
        self._name = "gradients"

    # -- what Keras calls -----------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        """Hook the model, unless it is hooked already (in a `with`)."""
        self._began = time.perf_counter()
        self._watch_for_the_end()
        with self._host_time():
            _build(self.model)
            self._attach(self.model, lambda plan: record(self.model, plan))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch for the steps to come."""
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Take the optimizers' iterations as they are after every callback has begun.

        A callback may have compiled the model anew: its other optimizer is hooked then.
        """
        session = self._session
        if session is None:
            return
        if session.recording.replaced:
            with self._host_time():
                self._attach(self.model, lambda plan: record(self.model, plan))
                session = self._session
        if session is not None and not session.based:
            session.based = True
            session.recording.rebase()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Read the rings before they are full."""
        session = self._session
        if session is None:
            return
        if session.recording.executed() or self.stop_on:
            with self._host_time():
                self._drain(session)
            if any(finding.name in self.stop_on for finding in session.findings()):
                self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Read the rings and write what was read."""
        if self._session is not None:
            with self._host_time():
                self._drain(self._session)
                self._store.flush()

    def on_test_end(self, logs: Any = None) -> None:
        """Forget the loss of an evaluation: it is no training step's."""
        if self._session is not None:
            self._session.recording.loss = None

    def on_train_end(self, logs: Any = None) -> None:
        """Put everything back, unless a `with` goes on."""
        self._training = None
        self._stop_clock()
        if not self._entered:
            self.close()

    # -- a context ------------------------------------------------------------------------------

    def __enter__(self) -> GradientRecorder:
        self._entered = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered = False
        self.close()

    def flush(self) -> None:
        """Read what has been recorded and not been read yet, and write it to the store."""
        if self._session is not None:
            self._drain(self._session)
        self._store.flush()

    def close(self) -> None:
        """End the session: read the rest, check that it is whole, put everything back."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            with self._host_time():
                self._drain(session)
                session.check()
        finally:
            session.recording.remove()
            _ATTACHED.pop(session.model, None)
            self._ended += session.findings()
            self._lacking.update(dict.fromkeys(session.diagnosis.unavailable))
            self._store.end()  # which writes what is left

    def for_tape(self, model: Any) -> TapeRecording:
        """The recording of a loop with `RecordingTape`: the one in progress, or a new session.

        Raises:
            ConfigError: a statistic or tap that needs the optimizer's step.
        """
        from kerasaudit.gradients.tape import TapeRecording

        needing = sorted({"update_l2", "update_ratio"} & set(self.statistics))
        if needing or self.taps not in ("raw", ("raw",), ["raw"]):
            asked = f"statistics {', '.join(needing)}" if needing else f"taps {self.taps!r}"
            raise ConfigError(
                f"RecordingTape sees gradients and no updates: expected statistics and taps of "
                f"the gradient alone, received {asked}"
            )
        if self._session is not None and self._session.recording.of_fit:
            raise ConfigError(
                f"model {model.name!r}: this recorder is in use by fit; expected another one for "
                "a RecordingTape"
            )
        self._attach(model, lambda plan: TapeRecording(model, plan, self), of_fit=False)
        assert self._session is not None
        recording = self._session.recording
        assert isinstance(recording, TapeRecording)
        return recording

    # -- results --------------------------------------------------------------------------------

    @property
    def run(self) -> Run:
        """What has been recorded so far, as one result."""
        self.flush()
        lacking = dict(self._lacking)
        if self._session is not None:
            lacking.update(dict.fromkeys(self._session.diagnosis.unavailable))
        return Run(
            name=self._name,
            store=self._store,
            findings=self.findings,
            unavailable=tuple(lacking),
            overhead=self.overhead,
        )

    @property
    def kernels(self) -> pandas.DataFrame:
        """A row for each kernel and recorded step; `tables.TABLES` documents the columns."""
        return self.run.kernels

    @property
    def elements(self) -> pandas.DataFrame:
        """A row for each element and recorded step of the weights that `elements=` names."""
        return self.run.elements

    @property
    def steps(self) -> pandas.DataFrame:
        """A row for each recorded step: status, learning rate, loss, loss scale."""
        return self.run.steps

    @property
    def weights(self) -> pandas.DataFrame:
        """A row for each weight of the model: how it falls into kernels, or why it is silent."""
        return self.run.weights

    @property
    def findings(self) -> tuple[GradientFinding, ...]:
        """What the diagnoses have found so far."""
        if self._session is None:
            return tuple(self._ended)
        self._drain(self._session)
        return (*self._ended, *self._session.findings())

    @property
    def overhead(self) -> Overhead:
        """The time that the recorder took on the host, of the time that training took."""
        running = 0.0 if self._began is None else time.perf_counter() - self._began
        return Overhead(self._host_seconds, self._training_seconds + running)

    def save(self, path: str | Path) -> None:
        """Write a report; the suffix of `path` names its format: .html .csv .json .md."""
        self.run.save(path)

    # -- sessions -------------------------------------------------------------------------------

    def _attach(
        self, model: Any, make: Callable[[Plan], Recording], *, of_fit: bool = True
    ) -> None:
        other = _ATTACHED.get(model)
        if other is not None and other is not self:
            if other.in_use:
                raise ConfigError(
                    f"model {model.name!r} has a recorder already: expected one at a time (it can "
                    "record several statistics, layers and taps), received a second"
                )
            other.close()
        session = self._session
        goes_on = session is not None and session.model is model and session.recording.installed
        if session is not None and goes_on and session.recording.of_fit is of_fit:
            return
        self.close()
        self._name = model.name
        plan = make_plan(
            model,
            layers=self.layers,
            statistics=self.statistics,
            taps=self.taps,
            every=self.every,
            elements=self.elements_of,
        )
        number = self._store.begin(plan.inventory, self.statistics, about(model), every=self.every)
        diagnosis = Diagnosis(
            plan.inventory, self.statistics, self.thresholds, every=self.every, session=number
        )
        recording = make(plan)
        self._session = _Session(number, model, recording, diagnosis)
        _ATTACHED[model] = self
        try:
            recording.install()
        except BaseException:
            self.close()
            raise
        if of_fit:
            make_train_function = model.make_train_function
            around = self._unless_left(model, make_train_function)
            recording.hooks.set(model, "make_train_function", around)

    def _unless_left(self, model: Any, make: Callable[..., Any]) -> Callable[..., Any]:
        """`make_train_function`, which `fit` begins with: one that was left is put back first.

        An exception that somebody keeps (a notebook keeps the last one) keeps the call of `fit`
        that raised it alive, and with it the hooks.
        """

        def made(force: bool = False) -> Any:
            if self.in_use:
                return make(force=force)
            self._training = None
            self._stop_clock()
            self.close()
            return model.make_train_function(force=force)

        return made

    def _drain(self, session: _Session) -> None:
        for block in session.recording.drain(self._epoch):
            self._store.append(block)
            session.diagnosis.observe(block)

    @property
    def in_use(self) -> bool:
        """Whether a `with` or a `fit` still goes on."""
        callbacks = None if self._training is None else self._training()
        return self._entered or (callbacks is not None and _is_running(callbacks))

    def _watch_for_the_end(self) -> None:
        """Have `close` called when `fit` is left by an exception, of which Keras tells nobody.

        The list of callbacks lives as long as the call of `fit` that made it: when it is gone and
        training has not been said to end, it was left.
        """
        callbacks = sys._getframe(2).f_locals.get("self")  # noqa: SLF001 - nobody hands it over
        if isinstance(callbacks, keras.callbacks.CallbackList):
            self._training = weakref.ref(callbacks)
            weakref.finalize(callbacks, _left, weakref.ref(self), self._training)

    def _stop_clock(self) -> None:
        if self._began is not None:
            self._training_seconds += time.perf_counter() - self._began
            self._began = None

    @contextmanager
    def _host_time(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._host_seconds += time.perf_counter() - began


class _Session:
    """One recording in progress, with the diagnosis that watches it."""

    def __init__(self, number: int, model: Any, recording: Recording, diagnosis: Diagnosis) -> None:
        self.number = number
        self.model = model
        self.recording = recording
        self.diagnosis = diagnosis
        self.based = False
        self.shortfalls: list[str] = []

    def check(self) -> None:
        """Hold what was recorded against the steps that the optimizers say they made."""
        self.shortfalls = self.recording.shortfalls()
        self.diagnosis.end()

    def findings(self) -> list[GradientFinding]:
        """What the diagnoses found, and where the record is not whole."""
        gaps = [*self.shortfalls, *self.recording.losses()]
        return [*self.diagnosis.findings, *(incomplete(gap, session=self.number) for gap in gaps)]


def _left(recorder: weakref.ref[GradientRecorder], training: weakref.ref[Any]) -> None:
    """`fit` is over; if the recorder was not told, it was left by an exception."""
    one = recorder()
    if one is not None and one._training is training:  # noqa: SLF001 - it is ours
        one._training = None  # noqa: SLF001
        one._stop_clock()  # noqa: SLF001
        if not one._entered:  # noqa: SLF001
            one.close()


def _build(model: Any) -> None:
    """Build what is not built yet, from the data that `fit` is about to feed.

    On JAX and Torch `fit` has done it by now. On TensorFlow it leaves it to the first step, and a
    step cannot be hooked for weights that there are not.
    """
    if all(layer.built for layer in model._flatten_layers()):  # noqa: SLF001 - no public walk
        return
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - nobody hands the data over
    while frame is not None and "epoch_iterator" not in frame.f_locals:
        frame = frame.f_back
    if frame is not None:
        data = frame.f_locals["epoch_iterator"]
        model._symbolic_build(iterator=data)  # noqa: SLF001 - as `fit` does elsewhere
        data.reset()


def _is_running(callbacks: Any) -> bool:
    """Whether the call of `fit` that made a list of callbacks is on the stack of a thread."""
    for top in sys._current_frames().values():  # noqa: SLF001 - there is no public name for it
        frame: FrameType | None = top
        while frame is not None:
            if frame.f_code.co_name == "fit" and frame.f_locals.get("callbacks") is callbacks:
                return True
            frame = frame.f_back
    return False


def _check_names(what: str, value: Any) -> None:
    named = value is None and what == "layers"
    if isinstance(value, (str, Sequence, Set)):
        named = bool(value) or what != "statistics"
    if not named:
        raise ConfigError(f"{what}: expected a name or several, received {value!r}")


def _diagnoses(names: str | Sequence[str]) -> frozenset[str]:
    chosen = frozenset((names,) if isinstance(names, str) else names)
    for name in sorted(map(str, chosen)):
        if name not in DIAGNOSES:
            raise ConfigError(
                f"stop_on: expected names of diagnoses ({', '.join(sorted(DIAGNOSES))}), "
                f"received {name!r}"
            )
    return chosen
