"""Stored trials of the same experiment that another source made: they are kept, not used, and told of in one line."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from bigtheta.numerics.store import Store, key_of
from bigtheta.numerics.trial import Trial
from bigtheta.theory.plugins import PluginWarning

__all__ = ["tell_outdated"]

_SOURCE = "source"


def tell_outdated(store: Store, trials: Sequence[Trial]) -> None:
    """Warn once of the stored trials that would serve for `trials`, had not the code of a user's changed since.

    Also of those that a version of bigtheta made which did not keep the hash of that code.
    """
    own = {id(trial.experiment): trial.experiment for trial in trials if trial.experiment.source}
    if not own:
        return
    before = [read for text in store.records() if (read := _read(text)) is not None]
    changed: dict[str, None] = {}
    unsaid: dict[str, None] = {}
    found = 0
    for experiment in own.values():
        now = json.loads(experiment.record)
        mine = [trial for trial in trials if trial.experiment is experiment]
        for text in before:
            if _without(text) != _without(now) or text.get(_SOURCE) == now[_SOURCE]:
                continue
            record = json.dumps(text, sort_keys=True)
            if not (count := len(store.find(key_of(record, trial) for trial in mine))):
                continue
            found += count
            if _SOURCE in text:
                old = {tuple(pair) for pair in text[_SOURCE]}
                new = [file.shown for file in experiment.source if (file.name, file.sha256) not in old]
                gone = {name for name, _ in old} - {file.name for file in experiment.source}
                changed.update(dict.fromkeys(new or sorted(gone)))
            else:
                unsaid.update(dict.fromkeys(file.shown for file in experiment.source if not file.name))
    if not found:
        return
    where = f"{found} trial{'s' if found > 1 else ''} in {store.path.parent}"
    if changed:
        told = f"{' and '.join(changed)} changed since {where} were made: they are kept but not used; simulated anew"
    else:
        told = (
            f"{where} do not say which source of {' and '.join(unsaid)} made them: they are kept but not used; "
            "simulated anew"
        )
    warnings.warn(PluginWarning(told), stacklevel=3)


def _read(text: str) -> dict[str, Any] | None:
    """A record that is a table; a damaged store may hold anything."""
    try:
        read = json.loads(text)
        [(str(name), str(sha)) for name, sha in read.get(_SOURCE, ())]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _without(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != _SOURCE}
