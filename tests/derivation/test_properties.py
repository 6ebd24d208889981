"""Generated configurations of every class with a rule, against live Keras.

Weights' names, order, shapes, dtypes and trainable flags, output shape and `count_params` must
agree, and what one side refuses the other must refuse, but for the exceptions listed in
`exceptions.py`. KERASAUDIT_EXAMPLES multiplies the number of examples.
"""

from __future__ import annotations

import pytest
from hypothesis import given

from kerasaudit.derivation.rule import registered_rules
from tests.derivation import live
from tests.derivation.exceptions import EXCEPTIONS
from tests.derivation.strategies import STRATEGIES

pytestmark = pytest.mark.filterwarnings("ignore:You passed `rms_scaling")


def built_in_layers():
    rules = registered_rules()
    layers = {n for n, r in rules.items() if r.built_in and not n.startswith("keras.ops.")}
    return layers - live.MODELS - live.FOREIGN


def test_every_class_with_a_rule_has_a_strategy():
    assert set(STRATEGIES) == built_in_layers()


@pytest.mark.parametrize("class_name", STRATEGIES)
def test_derivation_agrees_with_keras(class_name):
    module, strategy, count = STRATEGIES[class_name]
    outcomes = []

    @live.examples(count)
    @given(pair=strategy)
    def agrees(pair):
        outcomes.append(live.check(live.Case(class_name, *pair, module=module), EXCEPTIONS))

    agrees()
    assert "agreed" in outcomes, "every example was refused: the strategy tests nothing"
