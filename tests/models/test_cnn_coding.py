"""The models on page 1 of the notes: 320, 18,496, and the slip of the pen, 567."""

from __future__ import annotations

import pytest

import kerasaudit as ka
from models.cnn_coding import cnn_coding, dense_coding, feature_maps


@pytest.fixture(scope="module")
def audit():
    return ka.audit(cnn_coding)


def layer(audit, path):
    return next(row for row in audit.layers if row.path == path)


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("conv2d", 32 * 3 * 3 * 1 + 32),
        ("conv2d_1", 64 * 3 * 3 * 32 + 64),
        ("dense", 5 * 5 * 64 * 10 + 10),
    ],
)
def test_three_figures_of_a_layer(audit, path, count):
    row = layer(audit, path)
    assert (row.derived, row.observed, row.reported) == (count, count, count)


def test_the_notes_totals_are_confirmed_with_their_workings(audit):
    first, second = audit.claims
    assert (first.subject, first.status, first.claimed) == ("conv2d", "ok", "320")
    assert (second.subject, second.claimed, second.derived) == ("conv2d_1", "18,496", "18,496")
    assert layer(audit, "conv2d_1").working == "3·3·32·64 + 64"


def test_567_is_an_erratum_with_576_and_the_audit_is_clean(audit):
    claim = audit.claims[1]
    slip, consequence, sound = claim.steps
    assert 64 * 3 * 3 == 576
    assert (slip.text, slip.status, slip.correction) == (
        "64 × 3 × 3 = 567",
        "erratum",
        "64 × 3 × 3 = 576",
    )
    assert (consequence.text, consequence.status) == ("567 × 32 = 18432", "erratum")
    assert sound.status == "ok"
    assert claim.status == "erratum"
    assert audit.ok


def test_the_same_slip_undeclared_is_a_finding():
    claim = ka.Claim("conv2d_1", "64 × 3 × 3 = 567", "567 × 32 = 18432", "18432 + 64 = 18496")
    audit = ka.audit(cnn_coding, claims=[claim])
    assert [finding.code for finding in audit.findings] == ["KA202", "KA202"]


def test_dense_coding_is_the_net_of_three_inputs():
    audit = ka.audit(dense_coding)
    assert [row.derived for row in audit.layers] == [0, 3 * 3, 3 * 1]
    assert audit.layers[-1].macs == 3
    assert audit.layers[-1].output_shape == (None, 1)


def test_dense_coding_computes_the_net_of_the_notes():
    import numpy as np

    model = dense_coding()
    w1, w2, w3 = 2.0, -1.0, 0.5
    model.set_weights([np.eye(3), np.array([[w1], [w2], [w3]])])
    x1, x2, x3 = 3.0, 4.0, 8.0
    assert float(model(np.array([[x1, x2, x3]]))[0, 0]) == w1 * x1 + w2 * x2 + w3 * x3
    assert float(model(np.zeros((1, 3)))[0, 0]) == 0.0


def test_five_kernels_give_five_feature_maps():
    audit = ka.audit(feature_maps)
    (claim,) = audit.claims
    assert (claim.quantity, claim.claimed, claim.derived) == ("feature_maps", "5", "5")
    assert audit.layers[-1].output_shape == (None, 28 - 3 + 1, 28 - 3 + 1, 5)
