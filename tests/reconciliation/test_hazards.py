"""Hazards of a file in its audit: beside the counts, and waived like any other finding."""

from __future__ import annotations

import json

import pytest

import kerasaudit as ka

DOUBLE = {"class_name": "Lambda", "config": {"name": "double", "function": "abs"}}
NET = {
    "module": "keras",
    "class_name": "Sequential",
    "registered_name": None,
    "config": {
        "name": "net",
        "layers": [
            {
                "module": "keras.layers",
                "class_name": "InputLayer",
                "config": {"name": "x", "batch_shape": [None, 4]},
            },
            {
                "module": "keras.layers",
                "class_name": "Dense",
                "config": {"name": "out", "units": 2},
            },
            {"module": "keras.layers", **DOUBLE},
        ],
    },
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(NET))
    return path


def test_a_hazard_is_a_finding_and_leaves_the_counts_as_they_are(file):
    audit = ka.audit(file)
    assert [(found.code, found.path) for found in audit.findings] == [("KA301", "double")]
    assert (audit.status, audit.totals.derived) == ("findings", 4 * 2 + 2)
    assert [layer.status for layer in audit.layers] == ["ok", "ok", "ok"]


def test_a_hazard_is_waived_with_its_layer_and_the_reason_is_shown(file):
    audit = ka.audit(file, exempt={"double": "read line by line"})
    assert (audit.status, audit.findings) == ("ok", ())
    assert (audit.layers[2].status, audit.layers[2].reason) == ("exempt", "read line by line")


def test_a_config_dict_of_the_callers_own_is_not_searched_for_hazards():
    assert ka.audit(NET).findings == ()


def test_a_graph_that_cannot_be_read_hides_no_hazard(tmp_path):
    circle = [
        {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["f", 0, 0]}}]}
    ]
    layer = {"module": "keras.layers", "class_name": "Lambda", "name": "f", "inbound_nodes": circle}
    layer["config"] = {"name": "f", "function": "abs"}
    ends = {"input_layers": [["f", 0, 0]], "output_layers": [["f", 0, 0]]}
    model = {"module": "keras", "class_name": "Functional", "registered_name": None}
    path = tmp_path / "circle.json"
    path.write_text(json.dumps({**model, "config": {"name": "net", "layers": [layer], **ends}}))
    audit = ka.audit(path)
    assert audit.status == "incomplete"
    assert {"KA114", "KA301"} <= {found.code for found in audit.findings}
