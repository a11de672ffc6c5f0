"""`--plugin FILE.py`: a Python file whose public activations and laws can be asked for by name.

The file runs as a module of its own, with the rights of the user. What counts is each top-level Activation and Law
whose name does not start with _, and those in top-level lists and tuples. While the file runs its laws may name
activations that stand above them. A model belongs into a package with an entry point, since worker processes import
its class by name.
"""

from __future__ import annotations

import ast
import contextlib
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from bigtheta.theory import plugins
from bigtheta.theory.activation import Activation
from bigtheta.theory.catalogue import CATALOGUE, activation
from bigtheta.theory.errors import BigthetaError
from bigtheta.theory.law import Law, laws
from bigtheta.theory.plugins import PluginError, Source, public_values
from bigtheta.theory.recipe import cause_of, recipe_of
from bigtheta.theory.source_files import module_files, remember

__all__ = ["plugin_files"]


@contextlib.contextmanager
def plugin_files(files: Iterable[str | Path]) -> Iterator[tuple[Source, ...]]:
    """Make the public activations and laws of Python files available by name, until the block ends.

    Raises:
        PluginError: naming the file and the line, if it cannot be read or fails, holds nothing, or a name is taken.

    >>> with plugin_files([]) as given:
    ...     given
    ()
    """
    before = list(plugins.sources)
    modules: list[str] = []
    try:
        paths = {_resolved(file): str(file) for file in files}
        given = tuple(_source(path, shown, modules) for path, shown in paths.items())
        yield given
    finally:
        plugins.sources[:] = before
        for name in modules:
            sys.modules.pop(name, None)


def _resolved(file: str | Path) -> Path:
    """The file itself, whatever links lead to it."""
    try:
        return Path(os.path.realpath(file))
    except (OSError, ValueError) as error:  # a NUL in the path
        raise PluginError(f"plugin {file}: cannot read it: {error}") from error


class _Loader(SourceFileLoader):
    """Runs the text as it was read, and leaves no __pycache__ beside the file."""

    def __init__(self, name: str, path: str, text: bytes) -> None:
        super().__init__(name, path)
        self.text = text

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled text."""
        return self.source_to_code(self.text, self.path)


def _source(path: Path, shown: str, modules: list[str]) -> Source:
    """Run one file, and put what it gives where names are looked for."""
    try:
        text = path.read_bytes()
    except (OSError, ValueError) as error:
        raise PluginError(f"plugin {shown}: cannot read it: {getattr(error, 'strerror', None) or error}") from error
    module = _run(text, path, shown, modules)
    lines = _lines(text)
    source = Source(shown, module_files(module.__name__) or ())
    for key, value in public_values(module):
        where = f"plugin {shown}, line {lines[key]}" if key in lines else f"plugin {shown}"
        owner = value.model if isinstance(value, Law) else value
        if isinstance(value, Activation | Law) and type(owner).__module__ == module.__name__:
            raise PluginError(
                f"{where}: {type(owner).__name__} is defined in the file, where worker processes cannot import it; "
                "put it into a package with an entry point"
            )
        if isinstance(value, Activation):
            _add_activation(source, key, value, where)
        elif isinstance(value, Law):
            _add_law(source, value, where)
    if not source.recipes and not source.laws:
        raise PluginError(
            f"plugin {shown}: expected a top-level Activation or Law but got none; a name that starts with _ is private"
        )
    plugins.sources.append(source)
    return source


def _run(text: bytes, path: Path, shown: str, modules: list[str]) -> ModuleType:
    name = f"bigtheta_plugin_{len(plugins.sources)}_{path.stem}"
    loader = _Loader(name, str(path), text)
    module = ModuleType(name)
    module.__file__, module.__loader__ = str(path), loader
    modules.append(name)
    sys.modules[name] = module
    remember(name, text)
    running = Source(shown, running=module)
    plugins.sources.append(running)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output may be JSON
            loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        raise PluginError(_failure(error, path, shown)) from error
    finally:
        plugins.sources.remove(running)
    return module


def _failure(error: BaseException, path: Path, shown: str) -> str:
    """What failed, with the line of the file that was running."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else None
    line = lines[-1] if lines else line
    text = f"SyntaxError: {error.msg}" if isinstance(error, SyntaxError) else cause_of(error)
    return f"plugin {shown}{'' if line is None else f', line {line}'}: {text}"


def _lines(text: bytes) -> dict[str, int]:
    """The line on which each top-level name is last assigned."""
    found: dict[str, int] = {}
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id: node.lineno for target in targets if isinstance(target, ast.Name)}
    return found


def _add_activation(source: Source, key: str, value: Activation, where: str) -> None:
    name = (key if value.formula_name else value.name).replace("-", "_")
    if name in CATALOGUE:
        if activation(name).key == value.key:  # imported from the catalogue
            return
        raise PluginError(f"{where}: {name!r} is a built-in activation; give the one of the file another name")
    other = plugins.installed(name) or next((s.origin for s in (*plugins.sources, source) if name in s.recipes), None)
    if other is not None:
        if any(s.recipes[name].default.key == value.key for s in (*plugins.sources, source) if name in s.recipes):
            return
        raise PluginError(f"{where}: activation {name!r} is given by {other} too; rename one of them")
    try:
        source.recipes[name] = recipe_of(name, value, source.origin)
    except BigthetaError as error:
        raise PluginError(f"{where}: {error}") from error


def _add_law(source: Source, value: Law, where: str) -> None:
    if value in laws():
        return
    if any(value.id in (entry.id, entry.name) for entry in laws()):
        raise PluginError(f"{where}: {value.id!r} is a built-in law; give the one of the file another name")
    for other in (*plugins.sources, source):
        for entry in other.laws:
            if entry == value:
                return
            if entry.id == value.id:
                raise PluginError(f"{where}: law {value.id!r} is given by {other.origin} too; rename one of them")
    source.laws.append(value)
