"""The source of code that is not bigtheta's: which files a class or a function of a user's runs, with the hash of each.

A trial of a model of one's own depends on the text that defines it. From the file of that text the imports are followed
that stay in its folder: of a module `mine` in a folder F those of F/*.py and of packages in F, of a module in a package
those of the package and beside it; in a folder into which packages are installed, those of the same distribution. The
text is parsed for it, nothing is imported; an import within a function or a branch counts like any other.

What is hashed is what this process runs: a file is read when the class is defined, and once more only after it was
loaded anew. Names are relative to F, times and places play no part, so a folder that is moved keeps its hashes.
"""

from __future__ import annotations

import ast
import hashlib
import json
import operator
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

__all__ = ["SourceFile", "digest", "files_of", "is_own", "module_files", "remember"]

_VERSIONED = ("bigtheta", "msgspec")
"""Top-level names whose code a version tells."""
_LIBRARY = Path(os.__file__).parent
_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)


@dataclass(frozen=True, order=True)
class SourceFile:
    """One file and its SHA-256 in hexadecimal.

    Attributes:
        name: relative to the folder it is imported from; "" for the file that was asked for, which may be renamed.
        shown: what a message calls it.
    """

    name: str
    sha256: str
    shown: str = field(compare=False)


class _Import(NamedTuple):
    """`from ..a.b import c, d` is (2, ("a", "b"), ("c", "d"))."""

    level: int
    parts: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Read:
    """What was read of a file. `loaded` is what the import system made of it, None if it was not loaded then."""

    sha256: str
    imports: tuple[_Import, ...]
    exports: tuple[str, ...]
    loaded: object


_known: dict[str, _Read] = {}


def is_own(module: str) -> bool:
    """Whether a module's code is a user's: not of bigtheta, the standard library or msgspec.

    >>> is_own("bigtheta.theory.model"), is_own("mine"), is_own("__main__")
    (False, True, True)
    """
    top = module.partition(".")[0]
    if top in _VERSIONED:
        return False
    path = _path(sys.modules.get(top)) if top in sys.stdlib_module_names else None
    return top not in sys.stdlib_module_names or (path is not None and not path.is_relative_to(_LIBRARY))


def module_files(module: str) -> tuple[SourceFile, ...] | None:
    """Return the file of a loaded module with all that it imports from its folder; None if it has no file."""
    loaded = sys.modules.get(module)
    path = _path(loaded)
    if loaded is None or path is None:
        return None
    scope = _scope(module, loaded, path)
    now = _loaded()
    found = {path: ""} | {file: _name(scope, file) for file in _parents(scope, path)}
    left = list(found)
    while left:
        file = left.pop()
        for other in _imported(scope, file, now):
            if other not in found:
                found[other] = _name(scope, other)
                left.append(other)
    read = {file: _read(file, now) for file in found}
    return tuple(
        sorted(SourceFile(name, read[file].sha256, name or _name(scope, file)) for file, name in found.items())
    )


def files_of(modules: Iterable[str]) -> tuple[SourceFile, ...]:
    """Return the files of several loaded modules, those without one left out; each once, in order."""
    return tuple(sorted({file for module in modules for file in module_files(module) or ()}))


def digest(files: Iterable[SourceFile]) -> str:
    """Return one SHA-256 for several files: of the one file, or of the JSON of their names and hashes.

    >>> digest([SourceFile("", "ab12", "mine.py")])
    'ab12'
    """
    pairs = sorted({(file.name, file.sha256) for file in files})
    return pairs[0][1] if len(pairs) == 1 else hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def remember(module: str, text: bytes | None = None) -> None:
    """Take note of a module's source while it is loaded: what is edited later is another source.

    Args:
        text: that runs, if it was read already.
    """
    if not is_own(module):
        return
    path = _path(sys.modules.get(module))
    if text is not None and path is not None:
        _known[str(path)] = _parsed(text, _loaded().get(str(path)))
    module_files(module)


def _path(module: ModuleType | None) -> Path | None:
    """The file of a loaded module, if it can be read."""
    given = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    path = Path(given).absolute() if isinstance(given, str) else None
    return path if path is not None and (os.path.isfile(path) or str(path) in _known) else None


class _Loaded:
    """What the import system made of each file: another object once it is loaded anew.

    Thousands of modules are looked through only where one came, went or was replaced: this is asked twice a trial.
    """

    def __init__(self, modules: list[ModuleType]) -> None:
        self._modules = modules  # held, so that no other module gets the identity of one of them
        self._by_file: dict[str, ModuleType] = {}
        for module in modules:
            if isinstance(module, ModuleType) and isinstance(file := vars(module).get("__file__"), str):
                self._by_file[file if file.startswith("/") else str(Path(file).absolute())] = module

    def get(self, file: str) -> object:
        """Return what stands for a file: its module's spec, which a reload replaces; None if it is not loaded."""
        module = self._by_file.get(file)
        return None if module is None else vars(module).get("__spec__") or module

    def is_of(self, modules: list[ModuleType]) -> bool:
        """Whether it was made of these very modules."""
        return len(modules) == len(self._modules) and all(map(operator.is_, modules, self._modules))


_seen = _Loaded([])


def _loaded() -> _Loaded:
    global _seen
    if not _seen.is_of(modules := list(sys.modules.values())):
        _seen = _Loaded(modules)
    return _seen


# --- one file --------------------------------------------------------------------------------------------------------


def _read(path: Path, now: _Loaded) -> _Read:
    """The file as this process runs it: as read before, unless it was loaded anew since, or is not loaded yet."""
    name = str(path)
    loaded, known = now.get(name), _known.get(name)
    if known is not None and ((known.loaded is not None and loaded is None) or (known.loaded is loaded is not None)):
        return known
    try:
        text = path.read_bytes()
    except OSError:  # removed meanwhile
        if known is not None:
            return known
        text = b""
    _known[name] = _parsed(text, loaded)
    return _known[name]


def _parsed(text: bytes, loaded: object) -> _Read:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python says it when it imports the file
            tree = ast.parse(text)
        imports, exports = tuple(_imports(tree)), tuple(_exports(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # compiled, or none that can run
        imports, exports = (), ()
    return _Read(hashlib.sha256(text).hexdigest(), imports, exports, loaded)


def _imports(tree: ast.AST) -> Iterator[_Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(0, tuple(alias.name.split(".")), ())
        elif isinstance(node, ast.ImportFrom):
            parts = tuple(node.module.split(".")) if node.module else ()
            yield _Import(node.level, parts, tuple(alias.name for alias in node.names))
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", None))
            name = getattr(node.args[0], "value", None)
            if (
                called in ("import_module", "__import__")
                and isinstance(name, str)
                and _is_module(plain := name.lstrip("."))
            ):
                yield _Import(len(name) - len(plain), tuple(plain.split(".")), ())


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _exports(tree: ast.Module) -> Iterator[str]:
    """The names in __all__, of which `import *` imports those that are modules."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(getattr(target, "id", None) == "__all__" for target in targets):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value.isidentifier():
                    yield inner.value


# --- where an import leads -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scope:
    """Where absolute imports are looked for: in the folder, there only `names` unless that is None.

    `top` and `package`: the top-level name of the package asked for, and its folder if that has another name.
    """

    folder: Path
    names: frozenset[str] | None
    top: str
    package: Path | None


def _scope(module: str, loaded: ModuleType, path: Path) -> _Scope:
    name = str(getattr(vars(loaded).get("__spec__"), "name", module))
    parts = name.split(".")
    stem = path.name.partition(".")[0]
    location = path.parent if stem == "__init__" else path.parent / stem
    if location.parts[-len(parts) :] == tuple(parts):
        folder, package = location.parents[len(parts) - 1], None
    elif len(parts) > 1 or stem == "__init__":  # an editable install may give a folder another name
        inside = path.parent
        while (inside.parent / "__init__.py").is_file():
            inside = inside.parent
        folder, package = inside.parent, inside
    else:
        folder, package = path.parent, None
    return _Scope(folder, _installed_together(folder, parts[0]), parts[0], package)


@cache
def _installed_together(folder: Path, top: str) -> frozenset[str] | None:
    """The top-level names of the distribution of a name, if the folder is one into which packages are installed."""
    if folder.name not in ("site-packages", "dist-packages") and next(folder.glob("*.dist-info"), None) is None:
        return None
    found = {top}
    for distribution in metadata.distributions(path=[str(folder)]):
        listed = distribution.read_text("RECORD") or distribution.read_text("top_level.txt") or ""
        names = set(re.findall(r"^\"?([^\W\d]\w*)(?=[/.]|$)", listed, re.MULTILINE))
        found |= names if top in names else set()
    return frozenset(found)


def _parents(scope: _Scope, path: Path) -> Iterator[Path]:
    """The __init__ of each package that a file is in: they run before it."""
    for folder in path.relative_to(scope.folder).parents:
        init = _file(scope.folder / folder, "__init__") if folder.parts else None
        if init is not None and init != path:
            yield init


def _imported(scope: _Scope, path: Path, now: _Loaded) -> Iterator[Path]:
    """The files in the scope that run when a file is imported, or when it imports later."""
    for level, parts, names in _read(path, now).imports:
        base = scope.folder
        if level:
            base = path.parents[level - 1] if level <= len(path.parents) else scope.folder.parent
            if not base.is_relative_to(scope.folder):
                continue
        elif parts[0] in _VERSIONED or (scope.names is not None and parts[0] not in scope.names):
            continue
        elif parts[0] == scope.top and scope.package is not None:
            base, parts = scope.package, parts[1:]
        yield from _along(base, parts)
        for name in _starred(base, parts, now) if names == ("*",) else names:
            yield from _along(base, (*parts, name))


def _starred(base: Path, parts: Sequence[str], now: _Loaded) -> tuple[str, ...]:
    """What `import *` may take from a package."""
    found = list(_along(base, parts)) if parts else [file for file in [_file(base, "__init__")] if file is not None]
    return _read(found[-1], now).exports if found else ()


def _along(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """The files that run for `import a.b.c`, looked for in a folder; what follows a module is no module."""
    for part in parts:
        if (init := _file(folder / part, "__init__")) is not None:
            yield init
        elif (file := _file(folder, part)) is not None:
            yield file
            return
        elif not os.path.isdir(folder / part):
            return
        folder = folder / part


def _file(folder: Path, stem: str) -> Path | None:
    return next((path for suffix in _SUFFIXES if os.path.isfile(path := folder / f"{stem}{suffix}")), None)


def _name(scope: _Scope, path: Path) -> str:
    return path.relative_to(scope.folder).as_posix()
