"""Recording a model by its name: what `kerasaudit gradients TARGET --data FILE.npz` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kerasaudit.backend import importing
from kerasaudit.errors import ConfigError, TargetError, one_line
from kerasaudit.gradients.run import Run
from kerasaudit.observation.target import resolve_builder

__all__ = ["EVERY_DIAGNOSIS", "Data", "is_run", "read_data", "record_target"]

# What the diagnoses need, all of them: a training from the command line is there to be diagnosed.
EVERY_DIAGNOSIS = ("l2", "max_abs", "weight_l2", "weight_std", "update_l2", "update_ratio")
_WITHOUT_A_STEP = ("l2", "max_abs", "weight_l2", "weight_std")


@dataclass(frozen=True, slots=True)
class Data:
    """Arrays to train on: `x` and `y` are arrays, or dicts of them by the names of inputs."""

    x: Any
    y: Any
    sample_weight: Any | None
    examples: int


def is_run(target: str) -> bool:
    """Whether a target is a stored run rather than a model."""
    return (Path(target) / "run.json").is_file()


def read_data(path: str | Path) -> Data:
    """Read the arrays of a `.npz` file: "x" and "y", and "sample_weight" if there is one.

    A model with several inputs or outputs takes "x.NAME" and "y.NAME", by its inputs' and outputs'
    names. Nothing in the file is unpickled.

    Raises:
        TargetError: the file cannot be read, lacks an array, or holds arrays of other lengths.
    """
    import zipfile
    import zlib

    import numpy as np

    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is none" if Path(path).is_file() else "there is no such file")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if _is_used(name)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TargetError(
            f"{path}: expected arrays in a .npz file, but {one_line(error)}"
        ) from error
    x, y = _named(path, arrays, "x"), _named(path, arrays, "y")
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1 or not min(lengths.values()):
        raise TargetError(
            f"{path}: expected arrays of one length, at least 1, received "
            + ", ".join(f"{name} of {length}" for name, length in lengths.items())
        )
    return Data(x, y, arrays.get("sample_weight"), next(iter(lengths.values())))


def _is_used(name: str) -> bool:
    return name in ("x", "y", "sample_weight") or name.startswith(("x.", "y."))


def _named(path: str | Path, arrays: Mapping[str, Any], name: str) -> Any:
    if name in arrays:
        return arrays[name]
    parts = {key[2:]: array for key, array in arrays.items() if key.startswith(f"{name}.")}
    if not parts:
        raise TargetError(
            f"{path}: expected an array {name!r} (or several, {name}.NAME), received "
            f"{', '.join(arrays) or 'none'}"
        )
    return parts


def record_target(
    target: str,
    data: Data,
    *,
    loss: str | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    steps: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
    arguments: Mapping[str, Any] | None = None,
    store: str | None = None,
    every: int = 1,
    layers: Sequence[str] | None = None,
    statistics: Sequence[str] | None = None,
    elements: Sequence[str] = (),
    thresholds: Mapping[str, Mapping[str, Any] | None] | None = None,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Run:
    """Build the model that a target names and record it: one backward pass, or a training.

    Args:
        target: one model, as `kerasaudit.audit` takes it: `file.py::builder`, `zoo:NAME`, …
        data: what to feed it.
        loss: the name of a loss; `None`: the one that the builder compiled it with.
        optimizer: the name of an optimizer for a training; `None`: the model's own, or "adam".
        learning_rate: for the optimizer; `None`: its default.
        steps: how many steps to train; `None`: one backward pass over all the data.
        batch_size: examples a step.
        seed: of everything random, so that a second recording is the same.
        arguments: keyword arguments for the builder.
        store: the folder of a Parquet data set; `None`: in memory.
        every: record one step in so many.
        layers: the paths of layers to record, or patterns of them.
        statistics: what to compute of each kernel; `None`: what every diagnosis needs.
        elements: the paths of weights to keep element by element.
        thresholds: of the diagnoses, as a `GradientRecorder` takes them.
        progress: called with the steps made and to make.

    Raises:
        TargetError: the target is no single live model, or cannot be trained on these data.
        ConfigError: no loss is known, or an option that the recorder refuses.
    """
    with importing(target):
        import keras
    keras.utils.set_random_seed(seed)
    model = resolve_builder(target, arguments)[1]()
    compiled = bool(getattr(model, "compiled", False))
    if loss is None and not compiled:
        raise ConfigError(f"{target}: expected --loss, as its builder compiles no loss")
    if steps is None:
        needing = {
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "store": store,
            "elements": elements or None,
            "thresholds": thresholds,
            "every": None if every == 1 else every,
        }
        for name, value in needing.items():
            if value is not None:
                raise ConfigError(
                    f"{name}: expected with steps to train, received {value!r} for one backward "
                    "pass; give --steps"
                )
        from kerasaudit.gradients.one_pass import gradients

        run: Run = gradients(
            model, data.x, data.y, loss, data.sample_weight, layers=layers or None,
            statistics=statistics or _WITHOUT_A_STEP,
        )  # fmt: skip
        return replace(run, target=target)
    if loss is not None or optimizer is not None:
        _compile(model, loss, optimizer)
    if learning_rate is not None:
        _set_rate(model, learning_rate)
    recorder = _recorder(store, every, layers, statistics, elements, thresholds)
    _train(model, data, steps, batch_size, recorder, progress)
    made: Run = recorder.run
    return replace(made, target=target)


def _compile(model: Any, loss: str | None, optimizer: str | None) -> None:
    """Compile with what is given, and else as the builder did."""
    import keras

    from kerasaudit.gradients.batch import check_loss

    check_loss(loss)
    compiled = bool(model.compiled)
    own = model.optimizer if compiled else "adam"
    kept = (
        {
            "jit_compile": model.jit_compile,
            "run_eagerly": model.run_eagerly,
            "steps_per_execution": model.steps_per_execution,
        }
        if compiled
        else {}
    )
    try:
        chosen = keras.optimizers.get(optimizer or own)
        model.compile(chosen, loss if loss is not None else model.loss, **kept)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"optimizer: expected the name of an optimizer of Keras's, received {optimizer!r}: "
            f"{one_line(error, 200)}"
        ) from error


def _set_rate(model: Any, rate: float) -> None:
    try:
        model.optimizer.learning_rate = rate
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"learning rate {rate}: the builder's optimizer takes none: {one_line(error, 200)}"
        ) from error


def _recorder(
    store: str | None,
    every: int,
    layers: Sequence[str] | None,
    statistics: Sequence[str] | None,
    elements: Sequence[str],
    thresholds: Mapping[str, Mapping[str, Any] | None] | None,
) -> Any:
    from kerasaudit.gradients.recorder import GradientRecorder

    return GradientRecorder(
        store,
        every,
        layers or None,
        statistics or EVERY_DIAGNOSIS,
        elements=elements,
        thresholds=thresholds,
    )


def _train(
    model: Any,
    data: Data,
    steps: int,
    batch_size: int,
    recorder: Any,
    progress: Callable[[int, int], object],
) -> None:
    import keras

    class Until(keras.callbacks.Callback):  # type: ignore[misc]
        """Stops the training after so many steps."""

        made = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.made += 1
            progress(self.made, steps)
            if self.made == steps:
                self.model.stop_training = True

    each_epoch = -(-data.examples // batch_size)
    try:
        model.fit(
            data.x,
            data.y,
            sample_weight=data.sample_weight,
            batch_size=batch_size,
            epochs=-(-steps // each_epoch),
            verbose=0,
            callbacks=[recorder, Until()],
        )
    except (ConfigError, TargetError):
        raise
    except Exception as error:
        recorder.close()
        described = one_line(f"{type(error).__name__}: {error}")
        raise TargetError(f"{model.name}: cannot be trained on these data: {described}") from error
