"""Growth with depth: a Sequential config of 10,000 layers against one of 1,000."""

from __future__ import annotations

from kerasaudit.derivation.architecture import derive_architecture
from tests.benchmarks.measure import report, seconds

# Linear growth is a ratio of 10; quadratic growth would be 100.
CEILING = 15
SECONDS = 2.0


def sequential(depth: int) -> dict:
    layers = [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 8, 8, 4]}}]
    for i in range(depth):
        config = {"name": f"conv_{i}", "filters": 4, "kernel_size": [3, 3], "padding": "same"}
        layers.append({"class_name": "Conv2D", "config": config})
    return {"class_name": "Sequential", "config": {"name": "deep", "layers": layers}}


def run() -> bool:
    short, long = sequential(1_000), sequential(10_000)
    derive_architecture(short)
    pairs = [
        (seconds(lambda: derive_architecture(short)), seconds(lambda: derive_architecture(long)))
        for _ in range(5)
    ]
    slowest = max(pair[1] for pair in pairs)
    print(f"depth: 10,000 layers in {slowest:.2f} s at the slowest, to stay under {SECONDS} s")
    ratios = [ten / one for one, ten in pairs]
    return report("depth: 10,000 / 1,000 layers", ratios, CEILING, at_most=True) and (
        slowest < SECONDS
    )
