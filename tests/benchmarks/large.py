"""A config of 405 billion parameters, derived in a process of its own without Keras.

The sizes are those of Llama 3.1 405B (Grattafiori et al. 2024, "The Llama 3 herd of models", Table
3): 126 layers of width 16,384, 128 query heads and 8 key/value heads of 128, feed-forward 53,248, a
vocabulary of 128,256, no biases, a head of its own. Its time and its memory are those of the whole
process: importing, writing the config and reading it back included.
"""

from __future__ import annotations

import subprocess
import sys

MOST_SECONDS, MOST_MEBIBYTES = 1.0, 200

LAYERS, WIDTH, HEADS, SHARED, HEAD, HIDDEN, VOCABULARY = 126, 16_384, 128, 8, 128, 53_248, 128_256
ATTENTION = 2 * WIDTH * HEADS * HEAD + 2 * WIDTH * SHARED * HEAD
PARAMETERS = 2 * VOCABULARY * WIDTH + LAYERS * (ATTENTION + 3 * WIDTH * HIDDEN + 2 * WIDTH) + WIDTH


class _Config:
    """A functional config, written call by call as Keras writes it."""

    def __init__(self) -> None:
        self.layers: list[dict] = []

    def add(self, class_name: str, name: str, inputs: list[list[str]], **config: object) -> str:
        """A layer of one call; each of `inputs` is an argument: one name, or a list's."""
        tensors = [[self._tensor(one) for one in argument] for argument in inputs]
        arguments = [one[0] if len(one) == 1 else one for one in tensors]
        self.layers.append(
            {
                "module": "keras.layers",
                "class_name": class_name,
                "config": {"name": name, "dtype": "bfloat16", **config},
                "registered_name": None,
                "name": name,
                "inbound_nodes": [{"args": arguments, "kwargs": {}}] if inputs else [],
            }
        )
        return name

    @staticmethod
    def _tensor(name: str) -> dict:
        return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}


def llama() -> dict:
    """The decoder as a functional config of standard layers."""
    net = _Config()
    net.add("InputLayer", "tokens", [], batch_shape=[None, 8_192])
    x = net.add("Embedding", "table", [["tokens"]], input_dim=VOCABULARY, output_dim=WIDTH)
    for number in range(LAYERS):
        x = _block(net, f"block_{number}", x)
    x = net.add("RMSNormalization", "normalized", [[x]])
    net.add("Dense", "head", [[x]], units=VOCABULARY, use_bias=False)
    return {
        "module": "keras",
        "class_name": "Functional",
        "config": {
            "name": "llama_405b",
            "layers": net.layers,
            "input_layers": [["tokens", 0, 0]],
            "output_layers": [["head", 0, 0]],
        },
    }


def _block(net: _Config, name: str, x: str) -> str:
    heads = {"head_dim": HEAD, "num_query_heads": HEADS, "num_key_value_heads": SHARED}
    y = net.add("RMSNormalization", f"{name}_1", [[x]])
    y = net.add("GroupQueryAttention", f"{name}_attention", [[y], [y]], use_bias=False, **heads)
    x = net.add("Add", f"{name}_attended", [[x, y]])
    y = net.add("RMSNormalization", f"{name}_2", [[x]])
    dense = {"units": HIDDEN, "use_bias": False}
    gate = net.add("Dense", f"{name}_gate", [[y]], activation="silu", **dense)
    up = net.add("Dense", f"{name}_up", [[y]], **dense)
    y = net.add("Multiply", f"{name}_gated", [[gate, up]])
    y = net.add("Dense", f"{name}_down", [[y]], units=WIDTH, use_bias=False)
    return net.add("Add", f"{name}_out", [[x, y]])


def derived() -> None:
    """Derive the config and print count, seconds and mebibytes: what the other process runs."""
    import json
    import resource
    import time

    begun = time.perf_counter()
    from kerasaudit.derivation.architecture import derive_architecture

    architecture = derive_architecture(json.loads(json.dumps(llama())))
    problems = [problem.message for one in architecture.layers for problem in one.problems]
    assert not problems, problems
    weights = [weight.count for one in architecture.layers for weight in one.weights or ()]
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert "keras" not in sys.modules
    print(sum(weights), seconds, peak)


def run() -> bool:
    code = "from tests.benchmarks.large import derived; derived()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, seconds, peak = done.stdout.split()
    held = (
        int(count) == PARAMETERS and float(seconds) < MOST_SECONDS and float(peak) < MOST_MEBIBYTES
    )
    print(
        f"large: a config of {int(count):,} parameters (by hand {PARAMETERS:,}) derived in "
        f"{float(seconds):.2f} s, at most {MOST_SECONDS:g}, with {float(peak):.0f} MiB at its "
        f"peak, at most {MOST_MEBIBYTES}: {'held' if held else 'MISSED'}",
        flush=True,
    )
    return held
