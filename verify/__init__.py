"""Judgement: fits, verdicts, reports, the command line.

The package is also the function `bigtheta.verify(laws, ...)`; see `bigtheta.verify.run.verify`.
"""

from __future__ import annotations

import sys
import types
from typing import Any


class _Callable(types.ModuleType):
    """A package that can be called, so that `bigtheta.verify(...)` and `bigtheta.verify.run` both work."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from bigtheta.verify.run import verify

        return verify(*args, **options)


sys.modules[__name__].__class__ = _Callable
