"""For tests of plugins: `check_activation` holds all that bigtheta derives from an activation against its expression.

>>> from bigtheta.testing import check_activation
>>> check_activation("u*tanh(u)")[0].name
'kinks'
"""

from __future__ import annotations

from bigtheta.verify.conformance import CheckResult, Claims, ConformanceError, Outcome, check_activation

__all__ = ["CheckResult", "Claims", "ConformanceError", "Outcome", "check_activation"]
