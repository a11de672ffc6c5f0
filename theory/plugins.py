"""Plugins: activations, laws and models from installed packages (entry points) and from files (`--plugin FILE.py`).

A package names its objects in the entry-point groups `bigtheta.activations`, `bigtheta.laws` and `bigtheta.models`.
Nothing is looked for before a name is asked for that is not built in, and only what is named is imported. One broken
plugin is a `PluginWarning`, given once; it is a `PluginError` only where it is what was named. The environment variable
BIGTHETA_NO_PLUGINS=1 turns entry points off; files are given explicitly, so they load all the same.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from bigtheta.theory.activation import Activation
from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.recipe import Recipe, cause_of, recipe_of
from bigtheta.theory.source_files import SourceFile, digest, files_of, remember

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from bigtheta.theory.law import Law
    from bigtheta.theory.model import Model

__all__ = [
    "GROUPS", "PluginError", "PluginWarning", "Source", "activation_names", "find_activation", "find_laws",
    "find_model", "forget", "hashes", "in_use", "installed", "model_kinds", "plugin_activations", "plugin_laws",
    "public_values", "sources", "unknown",
]  # fmt: skip

T = TypeVar("T")

GROUPS = ("bigtheta.activations", "bigtheta.laws", "bigtheta.models")
"""The entry-point groups."""
SWITCH = "BIGTHETA_NO_PLUGINS"


class PluginError(InvalidInputError):
    """A plugin cannot be used: it does not import, is of the wrong type, or its name is taken."""


class PluginWarning(UserWarning):
    """A plugin was left out, because it is broken or its name is taken; the rest goes on."""


@dataclass(frozen=True)
class Source:
    """What one file gives: recipes by name, and laws; while the file runs, the names it has defined so far.

    `files` are the text that ran and what it imports from its folder.
    """

    origin: str
    files: tuple[SourceFile, ...] = ()
    recipes: dict[str, Recipe] = field(default_factory=dict)
    laws: list[Law] = field(default_factory=list)
    running: ModuleType | None = None


@dataclass(frozen=True)
class _Entry:
    """One entry point; `origin` is its distribution and version."""

    point: EntryPoint
    origin: str

    @property
    def name(self) -> str:
        return _canonical(self.point.name)

    def __str__(self) -> str:
        return f"{self.origin}, entry point {self.point.name!r} of {self.point.group} ({self.point.value})"


sources: list[Source] = []
"""The files in use, in the order given; `bigtheta.theory.plugin_file` adds and removes them."""
_loaded: dict[_Entry, Any] = {}
_loading: list[_Entry] = []
_warned: set[str] = set()


def activation_names() -> tuple[str, ...]:
    """Return the names of the activations that plugins give, without importing any.

    >>> "relu" in activation_names()
    False
    """
    names = [name for source in sources for name in source.recipes]
    return tuple(dict.fromkeys(names + [entry.name for entry in _entries("bigtheta.activations")]))


def installed(name: str) -> str | None:
    """Return the entry points that give an activation this name, in words; None if none does."""
    entries = [str(entry) for entry in _entries("bigtheta.activations") if entry.name == _canonical(name)]
    return " and by ".join(entries) or None


def find_activation(name: str) -> Recipe | None:
    """Return the activation that a plugin gives under this name; None if none does.

    Raises:
        PluginError: if the plugin is broken, or two give the name.

    >>> find_activation("no-such-activation") is None
    True
    """
    name = _canonical(name)
    for source in sources:
        if name in source.recipes:
            return source.recipes[name]
        if source.running is not None:
            for key, value in public_values(source.running):
                if isinstance(value, Activation) and _canonical(value.name if not value.formula_name else key) == name:
                    return recipe_of(name, value, source.origin)
    entry = _only([e for e in _entries("bigtheta.activations") if e.name == name], f"activation {name!r}")
    return None if entry is None else _load(entry, lambda value: recipe_of(name, value, entry.origin))


def plugin_activations() -> tuple[Recipe, ...]:
    """Return every activation that plugins give; what is broken or hidden is left out with a warning."""
    from bigtheta.theory.catalogue import CATALOGUE

    recipes = []
    for name in activation_names():
        if name in CATALOGUE:
            for entry in (e for e in _entries("bigtheta.activations") if e.name == name):
                _warn(f"{entry}: {name!r} is a built-in activation, which is used; the plugin needs another name")
            continue
        try:
            recipe = find_activation(name)
        except PluginError as error:
            _warn(str(error))
        else:
            recipes += [recipe] if recipe is not None else []
    return tuple(recipes)


def plugin_laws() -> tuple[tuple[Law, str], ...]:
    """Return every law that plugins give, with its origin; what is broken or hidden is left out with a warning."""
    broken: dict[str, str] = {}
    found = tuple(_laws(broken))
    for message in broken.values():
        _warn(message)
    return found


def find_laws(name: str, *, paper: bool = False) -> tuple[Law, ...]:
    """Return the plugins' laws of this name (`paper/name`, or the name alone), or of this paper; () if there are none.

    Raises:
        PluginError: if there is none and a broken plugin has this name, or if two plugins give the law.
    """
    broken: dict[str, str] = {}
    found: dict[str, tuple[Law, str]] = {}
    for entry, origin in _laws(broken):
        names = (entry.paper.id if entry.paper else None,) if paper else (entry.id, entry.name)
        if name not in names:
            continue
        if entry.id in found:
            raise PluginError(_twice(f"law {entry.id!r}", [found[entry.id][1], origin]))
        found[entry.id] = (entry, origin)
    parts = {_canonical(part) for part in (str(name), *str(name).split("/"))}
    for key, message in broken.items():
        if key in parts and not found:
            raise PluginError(message)
        _warn(message)
    return tuple(entry for entry, _ in found.values())


def model_kinds() -> tuple[str, ...]:
    """Return the kinds of the models that plugins give, without importing any."""
    return tuple(dict.fromkeys(entry.point.name for entry in _entries("bigtheta.models")))


def find_model(kind: str) -> type[Model] | None:
    """Return the model spec that a plugin registers under this kind; None if none does.

    Raises:
        PluginError: if the plugin is broken, or two give the kind.
    """
    from bigtheta.theory.model import Model

    def read(value: object) -> type[Model]:
        specs = [cls for cls in _subclasses(Model) if cls.__struct_config__.tag == kind]
        if len(specs) != 1:
            raise PluginError(f"expected one subclass of Model with tag={kind!r} but got {len(specs)} from {value!r}")
        return specs[0]

    entry = _only([e for e in _entries("bigtheta.models") if e.point.name == kind], f"model {kind!r}")
    return None if entry is None else _load(entry, read)


def unknown(kind: str, name: object, known: Iterable[str], listing: str = "") -> InvalidInputError:
    """Return (not raise) the error for a name that neither bigtheta nor a plugin knows."""
    error = unknown_name(kind, name, known, listing)
    return InvalidInputError(f"{error} (plugins are off: {SWITCH} is set)") if _off() else error


def public_values(module: ModuleType) -> list[tuple[str, Any]]:
    """Return the top-level values of a module whose names do not start with _, those of lists and tuples one by one."""
    found: list[tuple[str, Any]] = []
    for key, value in list(vars(module).items()):
        if not key.startswith("_"):
            found += [(key, item) for item in value] if isinstance(value, list | tuple) else [(key, value)]
    return found


def in_use() -> list[dict[str, Any]]:
    """Return the plugins whose code this process has loaded: distributions with what they gave, then files.

    A distribution is {"name", "version", "entry_points", "sha256"}, a file {"file", "sha256"} with the path as it was
    given. The SHA-256 is of the text that ran; where files of the same folder or package are imported it is that of
    all of them (`bigtheta.theory.source_files.digest`), and "files" has the hash of each.

    >>> in_use()
    []
    """
    given: dict[str, list[EntryPoint]] = {}
    for entry, result in _loaded.items():
        if not isinstance(result, PluginError):
            given.setdefault(entry.origin, []).append(entry.point)
    found: list[dict[str, Any]] = []
    for origin, points in sorted(given.items()):
        name, _, version = origin.rpartition(" ")
        said = sorted(f"{point.group}: {point.name}" for point in points)
        code = files_of({point.module for point in points})
        found.append({"name": name, "version": version, "entry_points": said} | hashes(code))
    return found + [{"file": source.origin} | hashes(source.files) for source in sources]


def hashes(files: Iterable[SourceFile]) -> dict[str, Any]:
    """Return what a report says of source files: one "sha256", and "files" with that of each where there are several.

    >>> hashes([SourceFile("", "ab12", "mine.py")])
    {'sha256': 'ab12'}
    """
    listed = sorted(files)
    table = {"sha256": digest(listed)} if listed else {}
    return table | ({"files": {file.shown: file.sha256 for file in listed}} if len(listed) > 1 else {})


def forget() -> None:
    """Forget what was discovered, loaded and warned of, as if the process had just started."""
    _discovered.cache_clear()
    for store in (sources, _loaded, _loading, _warned):
        store.clear()


def _laws(broken: dict[str, str]) -> Iterator[tuple[Law, str]]:
    """Every law of a plugin with its origin; `broken` collects the messages of the broken by entry-point name."""
    for source in sources:
        yield from ((entry, source.origin) for entry in source.laws)
    taken = _built_in_laws()
    for entry in _entries("bigtheta.laws"):
        if entry in _loading:  # asked for by the very module that is being loaded
            continue
        try:
            found = _load(entry, _read_laws)
        except PluginError as error:
            broken[entry.name] = str(error)
            continue
        for law in found:
            if law.id in taken:
                _warn(f"{entry}: {law.id!r} is a built-in law, which is used; the plugin needs another name")
            else:
                yield law, entry.origin


def _built_in_laws() -> set[str]:
    """The ids and the bare names of the built-in laws."""
    from bigtheta.theory.law import laws

    return {name for entry in laws() for name in (entry.id, entry.name)}


def _read_laws(value: object) -> tuple[Law, ...]:
    from bigtheta.theory.law import Law, laws

    if isinstance(value, ModuleType):
        values = [item for _, item in public_values(value) if isinstance(item, Law) and item not in laws()]
    elif isinstance(value, Law):
        values = [value]
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        values = list(value)
    else:
        raise PluginError(f"expected a Law, Laws, or a module that holds Laws but got {value!r}")
    for item in values:
        if not isinstance(item, Law):
            raise PluginError(f"expected Laws only but got {item!r}")
    if not values:
        raise PluginError(f"expected at least one Law but got none in {value!r}")
    return tuple({entry.id: entry for entry in values}.values())


def _subclasses(cls: type[Any]) -> list[type[Any]]:
    return [deeper for below in cls.__subclasses__() for deeper in (below, *_subclasses(below))]


def _canonical(name: str) -> str:
    return name.replace("-", "_")


def _off() -> bool:
    return os.environ.get(SWITCH, "") not in ("", "0")


def _entries(group: str) -> list[_Entry]:
    return [] if _off() else [entry for entry in _discovered() if entry.point.group == group]


@cache
def _discovered() -> tuple[_Entry, ...]:
    """The entry points of every installed distribution, the first of a name on the path; nothing is imported."""
    from importlib import metadata

    found: dict[str, list[_Entry]] = {}
    for distribution in metadata.distributions():
        origin = "a distribution without a name"
        try:
            if "bigtheta." not in (distribution.read_text("entry_points.txt") or ""):
                continue
            name = str(distribution.metadata["Name"])
            origin = f"{name} {distribution.version}"
            key = re.sub(r"[-_.]+", "-", name).lower()
            if key not in found:
                found[key] = [_Entry(point, origin) for point in distribution.entry_points if point.group in GROUPS]
        except Exception as cause:
            _warn(f"{origin}: its entry_points.txt cannot be read: {cause_of(cause)}")
    return tuple(entry for entries in found.values() for entry in entries)


def _load(entry: _Entry, read: Callable[[object], T]) -> T:
    """Import an entry point once; a failure of whatever kind is a PluginError that names it, each time."""
    if entry not in _loaded:
        broken = f"plugin {entry} is broken: "
        if _loading.count(entry) > 1:  # once is as it should be: a law names an activation of its own module
            raise PluginError(f"{broken}it asks for itself by name")
        _loading.append(entry)
        try:
            with contextlib.redirect_stdout(sys.stderr):  # standard output may be JSON
                value = entry.point.load()
                remember(entry.point.module)
                result: object = read(value)
        except KeyboardInterrupt:
            raise
        except BaseException as cause:  # SystemExit too: a plugin must not end the run
            result = PluginError(broken + cause_of(cause).removeprefix(broken))
            result.__cause__ = cause
        finally:
            _loading.remove(entry)
        _loaded[entry] = result
    result = _loaded[entry]
    if isinstance(result, PluginError):
        raise PluginError(str(result)) from result.__cause__
    return result  # type: ignore[return-value]


def _only(entries: list[_Entry], what: str) -> _Entry | None:
    if len(entries) > 1:
        raise PluginError(_twice(what, [str(entry) for entry in entries]))
    return entries[0] if entries else None


def _twice(what: str, origins: list[str]) -> str:
    return f"{what} is given by {len(origins)} plugins: {' and by '.join(origins)}; rename or uninstall one"


def _warn(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        text = message if message.startswith("plugin ") else f"plugin {message}"
        warnings.warn(PluginWarning(text), stacklevel=2)
