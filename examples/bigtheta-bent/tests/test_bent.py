"""Tests of the plugin: everything derived from the activation agrees with its formula, and the law can be measured."""

import pytest

import bigtheta
from bigtheta.testing import check_activation


@pytest.mark.parametrize("name", ["bent", "bent(bend=2)", "bent(bend=-1/2)"])
def test_activation(name: str) -> None:
    """Derivatives, kinks, parity, growth, coefficients and the torch function."""
    check_activation(name)


def test_law() -> None:
    """The law is found by name, its hypotheses hold, and its control breaks one of them."""
    law = bigtheta.law("bent-kernel")
    assert law.unmet("bent") is None
    assert law.unmet(law.controls[0].activation) == "the hypothesis mu(1) != 0 does not hold for abs"
