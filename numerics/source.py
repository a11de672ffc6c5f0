"""Which code of a user's runs in a trial: that of its model, inputs and other parts, with what they register."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from bigtheta.numerics.exact import is_quadratic
from bigtheta.numerics.models.base import interpolator, stacked
from bigtheta.numerics.sample import draw_inputs
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.source_cells import session_files
from bigtheta.theory.source_files import SourceFile, is_own, module_files

if TYPE_CHECKING:
    from bigtheta.numerics.experiment import Experiment

__all__ = ["SourceChangedError", "check_importable", "check_same_source", "source_of"]

_REGISTRIES: tuple[Any, ...] = (interpolator, stacked, is_quadratic, draw_inputs)


class SourceChangedError(BigthetaError):
    """The code of a user's is not the same where a trial runs as where the run began."""


def source_of(*parts: object) -> tuple[SourceFile, ...]:
    """Return the files that define the parts of an experiment, and what they import from their folders.

    () where all is bigtheta's own: an activation is a formula, so one of a plugin adds none.

    >>> from bigtheta.theory.model import RFKernel
    >>> source_of(RFKernel())
    ()
    """
    own = _own(parts)
    if not own:
        return ()
    files = {module: module_files(module) for module in {_module(one) for one in own}}
    loose = [one for one in own if files[_module(one)] is None]
    return tuple(sorted({*chain.from_iterable(filter(None, files.values())), *session_files(loose)}))


def check_same_source(experiment: Experiment) -> None:
    """Refuse to run a trial here if what is loaded here is another source than the experiment was made with.

    Raises:
        SourceChangedError: naming the files.
    """
    if not experiment.source:
        return
    e = experiment
    here = source_of(e.model, e.activation, e.quantity, e.inputs, e.labels)
    if here != e.source:
        names = dict.fromkeys(file.shown for file in sorted(set(here) ^ set(e.source), key=lambda file: file.shown))
        raise SourceChangedError(
            f"{' and '.join(names)}: changed while trials were run, or a worker has another copy, and results of two "
            "sources are not mixed; run the same command again (workers of a cluster: bring them up to date and start "
            "them anew first); finished trials are kept"
        )


def check_importable(experiment: Experiment) -> None:
    """Refuse to send to other processes what is defined where they cannot import it.

    Raises:
        InvalidInputError: naming it.
    """
    e = experiment
    for one in _own((e.model, e.activation, e.quantity, e.inputs, e.labels)):
        if module_files(_module(one)) is None:
            raise InvalidInputError(
                f"jobs: expected jobs=1 for {getattr(one, '__qualname__', one)}, which is defined in a notebook or at "
                "a prompt, where worker processes cannot import it; or put it into a file, and import it from there"
            )


def _own(parts: tuple[object, ...]) -> list[object]:
    """The classes and functions of a user's behind the parts, in a fixed order."""
    return [one for part in parts for one in _behind(type(part)) if is_own(_module(one))]


def _behind(kind: type[Any]) -> Iterator[object]:
    yield from kind.__mro__[:-1]
    for registry in _REGISTRIES:
        if (found := _registered(registry, kind)) is not None:
            yield found


def _registered(registry: Any, kind: type[Any]) -> Callable[..., Any] | None:
    """What a registry holds for a type; None if it holds its default alone."""
    found = registry.dispatch(kind)
    return None if found is registry.dispatch(object) else found


def _module(one: object) -> str:
    return str(getattr(one, "__module__", None) or type(one).__module__)
