"""Single values from the environment: `AMI_COLLECT__POLL__CONCURRENCY=200`, for the unit of systemd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import yaml
from pydantic.fields import FieldInfo

from ami_ingest.config.form import FileForm, Section
from ami_ingest.config.yaml_file import Location, nearest, without_none

PREFIX: Final = "AMI_COLLECT__"
_JSON_TYPES: Final = {"integer", "number", "boolean"}


def overrides(environ: Mapping[str, str]) -> dict[Location, str]:
    """Return the variables that set keys, by the key's path in the file."""
    return {path: name for path in single_values() if (name := name_of(path)) in environ}


def strangers(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable with our prefix that names no key."""
    known = [name_of(path) for path in single_values()]
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            otherwise = "single values of the fixed sections can be set this way, the rest in the file"
            yield f"{name}: there is no such key; {nearest(name, known, otherwise)}"


def put(tree: Mapping[str, Any], path: Location, text: str) -> dict[str, Any]:
    """Return the tree with a value put at a path; text becomes a number or a truth value where one is wanted."""
    return _put(tree, path, _value(text) if single_values()[path] else text)


def _put(tree: Mapping[str, Any], path: Location, value: Any) -> dict[str, Any]:
    step, rest = str(path[0]), path[1:]
    if not rest:
        return {**tree, step: value}
    inner = tree.get(step)
    return {**tree, step: _put(inner if isinstance(inner, dict) else {}, rest, value)}


def _value(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, int | float) else text


def name_of(path: Location) -> str:
    """Return the variable that sets a key."""
    return PREFIX + "__".join(str(step).upper() for step in path)


@lru_cache(maxsize=1)
def single_values() -> Mapping[Location, bool]:
    """Return every key with a single value in the sections that are always there, and whether it is no text."""
    return dict(_single_values(FileForm, ()))


def _single_values(model: type[Section], before: Location) -> list[tuple[Location, bool]]:
    schemas = model.model_json_schema()["properties"]
    found: list[tuple[Location, bool]] = []
    for name, field in model.model_fields.items():
        section = _section(field)
        if section is not None:
            found += _single_values(section, (*before, name))
            continue
        choices = schemas[name].get("anyOf", [schemas[name]])
        if not any(choice.get("type") in ("array", "object") or "$ref" in choice for choice in choices):
            found.append(((*before, name), any(choice.get("type") in _JSON_TYPES for choice in choices)))
    return found


def _section(field: FieldInfo) -> type[Section] | None:
    kind = without_none(field.annotation)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None
