"""Run by test_killed.py: trains and records into a folder, and says after each epoch how far."""

from __future__ import annotations

import sys

import keras

import kerasaudit as ka
from tests.gradients.nets import dense, regression


class Says(keras.callbacks.Callback):
    """Prints the optimizer's step after each epoch, once the recorder has flushed it."""

    def on_epoch_end(self, epoch, logs=None):
        print("flushed", int(self.model.optimizer.iterations.numpy()), flush=True)


def main(folder, epochs):
    net = dense()
    net.compile("sgd", "mse")
    x, y = regression(80)
    recorder = ka.GradientRecorder(folder)
    net.fit(
        x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=[recorder, Says()]
    )  # 10 steps an epoch


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
