"""Every builder of models/ but the applications: audited clean, and no figure changed unseen."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

import kerasaudit as ka
from kerasaudit import zoo
from models.alexnet import alexnet
from models.cnn_backpropagation import cnn_backpropagation
from models.cnn_coding import cnn_coding, dense_coding, feature_maps
from models.gpt2 import gpt2_large, gpt2_medium, gpt2_small, gpt2_xl
from models.lenet5 import lenet5, lenet5_1998
from models.lstm import bidirectional_lstm_imdb
from models.resnet import resnet50
from models.transformer import transformer_base
from models.vgg import vgg16, vgg19
from models.vit import vit_b16
from tests.models.mutations import (
    assert_clean,
    claim_survivors,
    config_survivors,
    examine,
    nudged,
    observation_survivors,
)

# The parameters of each, worked out by hand or published (see the builders' own tests).
BUILDERS = {
    dense_coding: 3 * 3 + 3 * 1,
    feature_maps: 5 * 3 * 3 + 5,
    cnn_coding: 320 + 18_496 + 5 * 5 * 64 * 10 + 10,
    cnn_backpropagation: 10 + 10 + 5,
    lenet5: 61_706,
    lenet5_1998: 60_000 + 840,
    alexnet: 60_965_224,
    vgg16: 138_357_544,
    vgg19: 143_667_240,
    resnet50: 25_557_032 + 53_120,
    gpt2_small: 124_439_808,
    gpt2_medium: 354_823_168,
    gpt2_large: 774_030_080,
    gpt2_xl: 1_557_611_200,
    transformer_base: 63_082_496,
    vit_b16: 86_567_656,
    bidirectional_lstm_imdb: 2_757_761,
}


# Of four sizes of one model, one is changed figure by figure.
EXAMINED = [one for one in BUILDERS if one not in (gpt2_medium, gpt2_large, gpt2_xl)]


@pytest.fixture(scope="module", params=EXAMINED, ids=lambda function: function.__name__)
def examined(request):
    yield examine(request.param)
    gc.collect()


def paths(examined):
    """Every layer with weights; of a deep model's every ninth."""
    weighty = examined.weighty()
    return weighty if len(weighty) < 40 else weighty[::9]


def test_the_audit_is_clean(examined):
    assert_clean(examined.audit)
    expected = {function.__name__: count for function, count in BUILDERS.items()}
    assert examined.audit.totals.params == expected[examined.audit.name]


def test_a_changed_claim_is_caught(examined):
    assert claim_survivors(examined) == []


def test_a_changed_config_is_caught(examined):
    assert config_survivors(examined, paths(examined)) == []


def test_a_changed_weight_is_caught(examined):
    assert observation_survivors(examined, paths(examined)) == []


@pytest.mark.parametrize("function", BUILDERS, ids=lambda function: function.__name__)
def test_the_builder_is_found_in_the_zoo(function):
    entry = zoo.find(function.__name__)
    assert entry.function is function
    assert entry.source
    assert entry.summary.endswith(".")
    assert "\n" not in function.__doc__.strip()


def test_no_builder_is_left_untested():
    applications = {entry.name for entry in zoo.builders_in(zoo.folder() / "applications.py")}
    assert set(zoo.names()) == applications | {function.__name__ for function in BUILDERS}


@pytest.mark.parametrize("path", zoo.builder_files(zoo.folder()), ids=lambda path: path.stem)
def test_every_file_cites_its_source(path: Path):
    assert "Source" in zoo.load_file(path).__doc__


def test_layer_names_do_not_depend_on_what_was_built_before():
    cnn_coding()
    assert ka.audit(cnn_coding()).layers == ka.audit(cnn_coding).layers


def test_a_number_is_nudged_in_its_last_place():
    assert list(nudged("1,728 = 25.6M")) == [
        "1727 = 25.6M",
        "1729 = 25.6M",
        "1,728 = 25.5M",
        "1,728 = 25.7M",
    ]
