"""The signatures of Nuke's Python, from the public stubs: PyPI's types-nuke.

Where those say only `*args, **kwargs`, or nothing, from `more_signatures.pyi` beside this file.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest

__all__ = ["Signatures", "difference", "read_signatures"]

MORE = Path(__file__).with_name("more_signatures.pyi")

Parameters = tuple[tuple[str, bool], ...]
"""Name of each parameter, and whether it may be left out."""


@dataclass(frozen=True)
class Signatures:
    """What the stubs say.

    Attributes:
        functions: Ways to call each function, or a method under `Class.method`; an empty list where nothing is said.
        bases: Base classes of each class.
        names: Constants and other names of the module.
    """

    functions: dict[str, list[Parameters]]
    bases: dict[str, list[str]]
    names: set[str]

    def ways(self, name: str) -> list[Parameters] | None:
        """Ways to call a function or method, inherited ones too; None where there is no such thing."""
        ways = self.functions.get(name)
        kind, _, method = name.rpartition(".")
        for base in self.bases.get(kind, ()):
            ways = ways or self.ways(f"{base}.{method}") or ways
        return ways


def read_signatures() -> Signatures:
    """Everything that the stubs and our own additions say; the additions go first."""
    try:
        packaged = files("types-nuke") or []
    except PackageNotFoundError:
        pytest.skip("types-nuke, the public stubs of Nuke's Python, is not installed")
    found = Signatures({}, {}, set())
    for path in packaged:
        if path.suffix == ".pyi":
            _collect(ast.parse(path.read_text()), found)
    more = Signatures({}, {}, set())
    _collect(ast.parse(MORE.read_text()), more)
    bases = {**more.bases, **{name: bases + more.bases.get(name, []) for name, bases in found.bases.items()}}
    return Signatures({**found.functions, **more.functions}, bases, found.names | more.names)


def _collect(module: ast.Module, found: Signatures) -> None:
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef):
            _collect_function(statement, statement.name, found, skips=0)
        elif isinstance(statement, ast.ClassDef):
            found.bases[statement.name] = [base.id for base in statement.bases if isinstance(base, ast.Name)]
            for member in statement.body:
                if isinstance(member, ast.FunctionDef):
                    is_static = any(
                        isinstance(one, ast.Name) and one.id == "staticmethod" for one in member.decorator_list
                    )
                    _collect_function(member, f"{statement.name}.{member.name}", found, skips=0 if is_static else 1)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found.names.add(statement.target.id)


def _collect_function(function: ast.FunctionDef, name: str, found: Signatures, skips: int) -> None:
    arguments = function.args
    ways = found.functions.setdefault(name, [])
    if arguments.vararg is not None and arguments.kwarg is not None:
        return
    given = [argument.arg for argument in arguments.args]
    first_default = len(given) - len(arguments.defaults)
    parameters = [(argument, index >= first_default) for index, argument in enumerate(given)]
    parameters += [
        (one.arg, default is not None) for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    ways.append(tuple(parameters[skips:]))


def difference(name: str, function: object, signatures: Signatures) -> str:
    """In one sentence where a function of the stand-in takes what Nuke does not; empty where it does not."""
    ways = signatures.ways(name)
    if ways is None:
        return f"{name} is in no stub"
    if not ways:
        return f"{name}: the stubs say nothing of its arguments; add it to {MORE.name}"
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    own = tuple(
        (one.name, one.default is not inspect.Parameter.empty)
        for one in inspect.signature(function).parameters.values()  # type: ignore[arg-type]
        if one.name != "self" and one.kind not in kinds and not one.name.startswith("_")
    )
    for way in ways:
        if own == way[: len(own)] and all(optional for _, optional in way[len(own) :]):
            return ""
    return f"{name} takes {own}, the stubs have {ways}"
