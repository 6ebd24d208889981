"""Record the runs that the gradient reports are rendered from: python -m tests.gradients.record.

They are trainings of models/ on scikit-learn's digits, small enough to be committed. Recording them
anew on another machine gives other last digits, so it is done on purpose and not by the checks.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.gradients.digits import digits

RUNS = Path(__file__).resolve().parents[2] / "reports" / "runs"


def cnn_coding(store=None):
    """The notes' two convolutions on the digits, enlarged to 28×28: three epochs of 640 of them."""
    import keras

    images, classes = digits(28)
    return record(
        "cnn_coding",
        images[:640],
        classes[:640],
        keras.optimizers.Adam(1e-3),
        "sparse_categorical_crossentropy",
        store=store,
        epochs=3,
        elements=["conv2d/kernel"],
    )


def cnn_backpropagation(store=None):
    """The model that the notes derive backpropagation on, telling the digits 0 and 1 apart."""
    import keras

    images, classes = digits(8)
    binary = classes < 2
    return record(
        "cnn_backpropagation",
        images[binary],
        classes[binary].astype("float32")[:, None],
        keras.optimizers.Adam(1e-2),
        "binary_crossentropy",
        store=store,
        epochs=5,
        elements=["conv2d/kernel", "conv2d_1/kernel"],
    )


TRAININGS = {training.__name__: training for training in (cnn_coding, cnn_backpropagation)}


def record(name, x, y, optimizer, loss, *, store, epochs, elements):
    """Train a model of models/ with a fixed seed; the recorder."""
    import keras

    import kerasaudit as ka
    from kerasaudit.gradients.training import EVERY_DIAGNOSIS

    keras.utils.set_random_seed(1)
    model = ka.zoo.build(name)
    model.compile(optimizer, loss)
    recorder = ka.GradientRecorder(store, statistics=EVERY_DIAGNOSIS, elements=elements)
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0, callbacks=[recorder])
    return recorder


def main(names):
    for name in names or TRAININGS:
        shutil.rmtree(RUNS / name, ignore_errors=True)
        recorder = TRAININGS[name](RUNS / name)
        steps = recorder.steps
        print(name, len(steps), "steps, loss", *steps["loss"].iloc[[0, -1]], recorder.findings)


if __name__ == "__main__":
    main(sys.argv[1:])
