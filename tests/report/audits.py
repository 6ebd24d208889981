"""Audits that the tests of the reports render: derived from configs, so that no Keras is needed.

The figures that the tests expect of them are worked out here, in comments, from the configs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import kerasaudit as ka
from kerasaudit.finding import Finding
from kerasaudit.location import Location
from kerasaudit.reconciliation.result import Audit


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def sequential(name: str, *layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def digits() -> Audit:
    """The notes' model: 3·3·1·32 + 32 = 320, 3·3·32·64 + 64 = 18,496, 1600·10 + 10 = 16,010.

    Together 34,826. MACs: 26·26·288 = 194,688, 11·11·18,432 = 2,230,272 and 16,000: 2,440,960.
    """
    config = sequential(
        "digits",
        layer("InputLayer", name="x", batch_shape=[None, 28, 28, 1]),
        layer("Conv2D", name="conv2d", filters=32, kernel_size=3),
        layer("MaxPooling2D", name="pool", pool_size=2),
        layer("Conv2D", name="conv2d_1", filters=64, kernel_size=3),
        layer("MaxPooling2D", name="pool_1", pool_size=2),
        layer("Flatten", name="flat"),
        layer("Dense", name="dense", units=10),
    )
    claims = [
        ka.Claim("conv2d", "32 × 3 × 3 = 288", "288 + 32 = 320"),
        ka.Claim(
            "conv2d_1",
            "64 × 3 × 3 = 567",
            "576 × 32 = 18432",
            "18432 + 64 = 18496",
            errata={"64 × 3 × 3 = 567": "64 × 3 × 3 = 576"},
        ),
    ]
    return replace(
        ka.audit(config, claims=claims),
        target="models/cnn_coding.py::digits",
        source="the notes, page 1",
        versions={"keras": "3.15.1", "kerasaudit": "0.1.0"},
    )


SCRIPT = "<script>document.title='owned'</script>"
ESCAPE = "\x1b[31mred\x07"
FORMULA = "=cmd()|'x'!A1"
PIPE = "a|b`c"
HOSTILE = (SCRIPT, ESCAPE, FORMULA, PIPE)


def hostile() -> Audit:
    """Names that would run, colour or part something, where a report took them as they are."""
    dense = [layer("Dense", name=name, units=2) for name in HOSTILE]
    config = sequential(SCRIPT, layer("InputLayer", name="x", batch_shape=[None, 2]), *dense)
    return ka.audit(config, claims=[ka.Claim(SCRIPT, "2 × 2 + 2 = 6"), ka.Claim(PIPE, "7")])


def broken() -> Audit:
    """One layer without a rule, one whose observed weights are others: nothing is whole."""
    mine = {"module": "mine", "registered_name": "mine>Mine", **layer("Mine", name="mine")}
    config = sequential(
        "broken",
        layer("InputLayer", name="x", batch_shape=[None, 4]),
        layer("Dense", name="dense", units=3),
        mine,
        layer("Dense", name="after", units=2),
    )
    audit = ka.audit(config, claims=[ka.Claim("dense", "4 × 3 = 13", "12 + 3 = 15")])
    wrong = Finding(
        code="KA101",
        path="dense",
        message="dense: kernel is derived as 4·3, observed (4, 2)",
        incomplete=False,
        formula="d·u",
        working="4·3",
        expected="(4, 3)",
        observed="(4, 2)",
        difference=-4,
        cause="the observed shapes equal units=2",
    )
    rows = list(audit.layers)
    rows[1] = replace(rows[1], status="mismatch", observed=10)
    return replace(audit, layers=tuple(rows), findings=(wrong, *audit.findings))


def deep(layers: int) -> Audit:
    """A chain of `layers` dense layers of 3 units on 3 inputs, 3·3 + 3 = 12 each."""
    chain = [layer("Dense", name=f"dense_{number}", units=3) for number in range(layers)]
    first = layer("InputLayer", name="x", batch_shape=[None, 3])
    return ka.audit(sequential("deep", first, *chain))


def budgeted(**severity: str) -> Audit:
    """Budgets of every status on 28·28·1 → 3·3·1·32 + 32 = 320 → 21632·10 + 10 = 216,330.

    The total of 216,650 keeps its budget of 1,000,000 with 783,350 left; the 320 of "conv" are 20
    over 300; MACs are not known where the input size is not, which the second model is for.
    """
    config = sequential(
        "net",
        layer("InputLayer", name="x", batch_shape=[None, 28, 28, 1]),
        layer("Conv2D", name="conv", filters=32, kernel_size=3),
        layer("Flatten", name="flat"),
        layer("Dense", name="dense", units=10),
    )
    budgets = [ka.Budget("params", "1M"), ka.Budget("params", 300, layer="conv", source="a file")]
    return replace(
        ka.audit(config, budgets=budgets, severity=severity),
        target="models/net.py::net",
        location=Location("models/net.py", 12),
    )


def unknown_macs() -> Audit:
    """3·3·1·2 + 2 = 20 parameters, and MACs that no input size tells: a budget on the unknown."""
    config = sequential(
        "open",
        layer("InputLayer", name="x", batch_shape=[None, None, None, 1]),
        layer("Conv2D", name="conv", filters=2, kernel_size=3),
    )
    return ka.audit(config, budgets=[ka.Budget("macs", 1000)])
