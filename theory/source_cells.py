"""The source of code without a file: classes and functions of a notebook, a prompt or `python -c`.

It is the text of the class's methods and of the functions, with that of the functions and classes and the values of the
plain variables that they name in the same session; where the text is not kept, the bytecode. Modules that they use are
followed if they lie in the working directory.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from bigtheta.theory.source_files import SourceFile, is_own, module_files

__all__ = ["session_files"]

_SHOWN = "the code of this session"
_PLAIN: tuple[type, ...] = (bool, int, float, complex, str, bytes, type(None))


def session_files(objects: Iterable[object]) -> tuple[SourceFile, ...]:
    """Return what stands for classes and functions that no file defines, and the files that they use; () for none.

    >>> session_files([])
    ()
    """
    told: dict[str, str] = {}
    files: set[SourceFile] = set()
    left = list(objects)
    seen: set[int] = set()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, ModuleType):
            files.update(_beside(one))
            continue
        name = f"{getattr(one, '__module__', '')}.{getattr(one, '__qualname__', '')}"
        if module_files(str(getattr(one, "__module__", ""))) is not None:  # it has a file
            files.update(_beside(inspect.getmodule(one)))
            continue
        for function in _functions(one):
            told[f"{name} {function.__qualname__}"] = _text(function)
            for key, value in _named(function):
                if isinstance(value, FunctionType | type | ModuleType):
                    left.append(value)
                else:
                    told[f"{name} {function.__qualname__} {key}"] = _value(value)
        for key, value in vars(one).items() if isinstance(one, type) else ():
            if isinstance(value, (*_PLAIN, tuple)) and not key.startswith("__"):
                told[f"{name} {key}"] = _value(value)
    if told:
        text = json.dumps(told, sort_keys=True)
        files.add(SourceFile("", hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), _SHOWN))
    return tuple(sorted(files))


def _beside(module: ModuleType | None) -> tuple[SourceFile, ...]:
    """The files of a module that lies in the working directory."""
    given = None if module is None else vars(module).get("__file__")
    if module is None or not isinstance(given, str) or not is_own(module.__name__):
        return ()
    inside = Path(given).absolute().is_relative_to(Path.cwd()) and "site-packages" not in given
    return module_files(module.__name__) or () if inside else ()


def _functions(one: object) -> Iterator[FunctionType]:
    values = list(vars(one).values()) if isinstance(one, type) else [one]
    for value in values:
        for inner in (value, *(getattr(value, name, None) for name in ("__func__", "fget", "func", "__wrapped__"))):
            if isinstance(inner, FunctionType):
                yield inner


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The globals and the outer variables that a function names."""
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for index, value in enumerate((*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())):
        yield f"default {index}", value


def _names(code: CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found


def _text(function: FunctionType) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return repr(_bytecode(function.__code__))


def _bytecode(code: CodeType) -> tuple[Any, ...]:
    """What a function does, without where it stands."""
    constants = [_bytecode(c) if isinstance(c, CodeType) else _value(c) for c in code.co_consts]
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_argcount, code.co_kwonlyargcount


def _value(value: object) -> str:
    """Plain data in words, arrays by their content; what cannot be told by either counts by its type alone."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__} {sorted(map(_value, value))}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} {list(map(_value, value))}"
    if isinstance(value, dict):
        return f"dict {sorted((_value(key), _value(held)) for key, held in value.items())}"
    try:
        return hashlib.sha256(pickle.dumps(value, protocol=4)).hexdigest()
    except Exception:  # whatever an object of theirs raises
        return type(value).__qualname__
