"""Reads YAML into settings; turns every fault into one sentence that names file, field and reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from understudy.errors import SettingsError, near_names

__all__ = ["Settings", "apply_overrides", "read_yaml", "validated"]

_MOST_BYTES = 1 << 20
_MOST_NODES = 20_000
_MOST_DEPTH = 32
_MOST_SHOWN = 100

Model = TypeVar("Model", bound=BaseModel)


class Settings(BaseModel):
    """The base of all settings: frozen, strict, unknown keys forbidden."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)


class _BoundedLoader(yaml.SafeLoader):
    """SafeLoader that counts as it reads: a small file can otherwise keep a machine busy for minutes."""

    nodes = 0
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        self.nodes += 1
        self.depth += 1
        if self.nodes > _MOST_NODES or self.depth > _MOST_DEPTH:
            raise yaml.YAMLError("it has too many entries or is nested too deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"the key {', '.join(sorted(twice))} stands there twice")
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path, error: type[SettingsError] = SettingsError) -> dict[str, Any]:
    """The mapping in a YAML file. Nothing in the file is executed.

    Args:
        path: The file, at most 1 MiB.
        error: The class of what is raised.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise error(f"{path} is larger than 1 MiB, which no settings file is.", path=str(path))
        loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_BoundedLoader)  # noqa: S506  # a SafeLoader
    except OSError as cause:
        raise error(f"{path} cannot be read: {cause.strerror or cause}.", path=str(path)) from cause
    except UnicodeDecodeError as cause:
        raise error(f"{path} is not a text file in UTF-8.", path=str(path)) from cause
    except (yaml.YAMLError, ValueError) as cause:
        raise error(f"{path} is not valid YAML: {_yaml_reason(cause)}.", path=str(path)) from cause
    if not isinstance(loaded, dict):
        raise error(f"{path} holds no settings: it should be 'name: value' lines.", path=str(path))
    return loaded


def validated(
    model: type[Model],
    values: Mapping[str, Any],
    where: str,
    error: type[SettingsError] = SettingsError,
    strict: bool = False,
) -> Model:
    """The settings of these values.

    Args:
        model: The settings class.
        values: Plain values as YAML or JSON gives them.
        where: What the values come from, for the message: a path, or "--set".
        error: The class of what is raised when a value is wrong.
        strict: Take no value of another type, such as "5" for 5; for what programs send.
    """
    try:
        if strict:
            return model.model_validate_json(json.dumps(values), strict=True)
        return model.model_validate(values, strict=False)
    except ValidationError as cause:
        faults = sorted(cause.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        first = faults[0]
        field = _short(".".join(str(part) for part in first["loc"])) or "(the whole)"
        more = len(faults) - 1
        tail = f" ({more} more {'fault' if more == 1 else 'faults'}.)" if more else ""
        raise error(f"{where}: field '{field}': {_reason(model, first)}.{tail}", where=where, field=field) from cause


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The values with `field.inner=value` overrides applied; each value is read as YAML.

    An entry of a list goes by its `name`: `training.phases.fine.batch=2`.

    Raises:
        SettingsError: An override is not of this form, or names an entry that is not there.
    """
    changed = dict(values)
    for override in overrides:
        field, equals, text = override.partition("=")
        if not equals or not field.strip():
            raise SettingsError(f"--set {_short(override)}: write --set field=value, for instance training.batch=4.")
        level: Any = changed
        *outer, last = field.strip().split(".")
        for part in outer:
            level = _copied_inside(level, part, override)
        if not isinstance(level, dict):
            raise SettingsError(
                f"--set {_short(override)}: name a field of one of the {outer[-1]}, or change the whole."
            )
        try:
            level[last] = yaml.load(text, Loader=_BoundedLoader)  # noqa: S506  # a SafeLoader
        except (yaml.YAMLError, ValueError) as cause:
            raise SettingsError(f"--set {_short(override)}: this is not a value.") from cause
    return changed


def _copied_inside(level: Any, part: str, override: str) -> Any:
    """What is called `part` in a mapping or a list, as a copy that has taken its place."""
    if isinstance(level, list):
        names = [str(entry.get("name")) for entry in level if isinstance(entry, dict)]
        if part not in names:
            known = f"there is: {', '.join(names)}" if names else "there is none yet"
            raise SettingsError(f"--set {_short(override)}: nothing is called '{_short(part)}' there; {known}.")
        number = next(at for at, one in enumerate(level) if isinstance(one, dict) and str(one.get("name")) == part)
        level[number] = dict(level[number])
        return level[number]
    inner = level.get(part)
    level[part] = dict(inner) if isinstance(inner, dict) else list(inner) if isinstance(inner, list | tuple) else {}
    return level[part]


def _yaml_reason(cause: Exception) -> str:
    mark = getattr(cause, "problem_mark", None)
    problem = getattr(cause, "problem", None) or str(cause).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)


def _reason(model: type[BaseModel], fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        known = _fields_at(model, fault["loc"][:-1])
        near = near_names(str(fault["loc"][-1]), known)
        return f"there is no such field; near: {', '.join(near)}" if near else f"no such field; {', '.join(known)}"
    if fault["type"] == "missing":
        return "is missing"
    message = str(fault["msg"])
    message = message.removeprefix("Value error, ").rstrip(".")
    given = fault.get("input")
    shown = f", not {_short(repr(given))}" if isinstance(given, str | int | float | bool) else ""
    return f"{message[:1].lower()}{message[1:]}{shown}"


def _short(text: str) -> str:
    """What a message shows of a text that may be of any length."""
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for part in location:
        fields = getattr(current, "model_fields", {})
        if part not in fields:
            continue
        annotation = fields[part].annotation
        inner = [item for item in getattr(annotation, "__args__", ()) if hasattr(item, "model_fields")]
        current = annotation if hasattr(annotation, "model_fields") else (inner[0] if inner else current)
    return list(getattr(current, "model_fields", {}))
