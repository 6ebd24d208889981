"""Diffs that the tests of the reports render: derived from configs, so that no Keras is needed.

The figures that the tests expect of them are worked out here, in comments, from the configs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import kerasaudit as ka
from kerasaudit.reconciliation.differences import Diff

SCRIPT = "<script>document.title='owned'</script>"
ESCAPE = "\x1b[31mred\x07"
FORMULA = "=cmd()|'x'!A1"
PIPE = "a|b`c"
HOSTILE = (SCRIPT, ESCAPE, FORMULA, PIPE)


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def sequential(name: str, *layers: dict[str, Any]) -> dict[str, Any]:
    first = layer("InputLayer", name="x", batch_shape=[None, 64])
    return {"class_name": "Sequential", "config": {"name": name, "layers": [first, *layers]}}


def dense(name: str, units: int, **config: Any) -> dict[str, Any]:
    return layer("Dense", name=name, units=units, **config)


def before() -> dict[str, Any]:
    """64·64 + 64 = 4,160, 64·10 + 10 = 650, 10·5 + 5 = 55, 5·3 + 3 = 18: together 4,883."""
    layers = [dense("dense", 64), dense("dense_1", 10), dense("dense_2", 5), dense("gone", 3)]
    return sequential("old", *layers)


def after() -> dict[str, Any]:
    """4,160, 64·20 + 20 = 1,300, 20·5 + 5 = 105: together 5,565, which is 682 more.

    MACs: 4,096 + 1,280 + 100 = 5,476, before 4,096 + 640 + 50 + 15 = 4,801: 675 more.
    """
    layers = [dense("dense_1", 64), dense("dense_2", 20), dense("dense_3", 5)]
    return sequential("new", *layers, layer("Dropout", name="drop", rate=0.5))


def _placed(diff: Diff) -> Diff:
    versions = {"keras": "3.15.1", "kerasaudit": "0.1.0"}
    old = replace(diff.old, target="nets/old.json", versions=versions)
    return replace(diff, old=old, new=replace(diff.new, target="nets/new.json", versions=versions))


def widened() -> Diff:
    """One layer of each kind: renamed, changed (twice), added, removed."""
    return _placed(ka.diff(before(), after()))


def equal() -> Diff:
    return _placed(ka.diff(before(), before()))


def partly() -> Diff:
    """A layer without a rule: what is known is compared, the whole is not."""
    mine = {"module": "mine", "registered_name": "mine>Mine", **layer("Mine", name="mine")}
    return _placed(ka.diff(before(), sequential("new", mine)))


def hostile() -> Diff:
    """Names and values that would run, colour or part something, where a report took them so."""
    one = [dense(name, 2, activation=name) for name in HOSTILE]
    other = [dense(name, 3, activation=PIPE, note=name) for name in HOSTILE]
    new = [dense(f"{name}+", 2) for name in HOSTILE]
    return ka.diff(sequential(SCRIPT, *one), sequential(PIPE, *other, *new))


def long(layers: int) -> Diff:
    """So many layers of a name of their own, each of them wider than it was."""
    name = "a_layer_of_a_block_of_a_stage_of_the_encoder"
    one = [dense(f"{name}_{number}", 8) for number in range(layers)]
    other = [dense(f"{name}_{number}", 9) for number in range(layers)]
    return ka.diff(sequential("old", *one), sequential("new", *other))
