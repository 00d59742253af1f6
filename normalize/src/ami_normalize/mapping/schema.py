"""The published JSON Schema, and what of a file breaks it: the keywords of draft 2020-12 that it uses, no more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from typing import Any, Final, NamedTuple

from ami_normalize.mapping.located import Node

Schema = Mapping[str, Any]

_TYPES: Final = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
_LONGEST: Final = 40


class Breach(NamedTuple):
    """Something that must not be: at which index, in which member, what, and what to do."""

    at: int
    path: str
    sentence: str
    remedy: str


@lru_cache(maxsize=1)
def schema_text() -> str:
    """Return the published schema as it is shipped."""
    return (resources.files("ami_normalize.mapping") / "mapping.schema.json").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def published() -> Schema:
    """Return the published schema."""
    schema: Schema = json.loads(schema_text())
    return schema


def breaches(node: Node) -> Iterator[Breach]:
    """Yield everything of a mapping that breaks the schema, in the order of its text."""
    definitions = published()["$defs"]
    if isinstance(node.value, list):
        form = definitions["dialects"]
    else:  # of the three forms the schema offers, the one its author meant
        form = definitions["file" if isinstance(node.value, dict) and "dialects" in node.value else "dialect"]
    yield from breaches_of(node, form, published())


def breaches_of(node: Node, schema: Schema, root: Schema, path: str = "") -> Iterator[Breach]:
    """Yield everything of a value that breaks a schema, whose references are to `$defs` of `root`."""
    schema = _resolved(schema, root)
    wrong = _wrong(node.value, schema)
    if wrong:
        yield Breach(node.at, path, f"{wrong}; {schema['title']} is due", schema["description"])
    elif isinstance(node.value, dict):
        yield from _members(node, schema, root, path)
    elif isinstance(node.value, list) and "items" in schema:
        for number, item in enumerate(node.value):
            yield from breaches_of(item, schema["items"], root, f"{path}[{number}]")


def _wrong(value: Any, schema: Schema) -> str:
    """Say what a value by itself is not, or nothing."""
    told = _told(value)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_TYPES[name](value) for name in types):
        return f"{told} is no {' and no '.join(types)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{told} is none of {', '.join(schema['enum'])}"
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return f"{told} has not the form"
        if len(value) < schema.get("minLength", 0):
            return "the text is empty"
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"{value} is out of range"
    if isinstance(value, list) and len(value) < schema.get("minItems", 0):
        return "the list is empty"
    if isinstance(value, dict) and len(value) < schema.get("minProperties", 0):
        return "the object is empty"
    return ""


def _members(node: Node, schema: Schema, root: Schema, path: str) -> Iterator[Breach]:
    members, known = node.value, schema["properties"]
    title = schema["title"]
    for name, at in node.repeated:
        yield Breach(at, _joined(path, name), f'"{name}" stands twice in {title}', "Keep one of them.")
    for name in schema.get("required", ()):
        if name not in members:
            remedy = _description(known[name], root)
            yield Breach(node.at, path, f'"{name}" is missing in {title}', remedy)
    for name, item in members.items():
        where = _joined(path, name)
        if name not in known:
            yield Breach(node.names[name], where, f'{title} has no member "{_short(name)}"', _alike(name, known))
            continue
        for other in schema.get("dependentRequired", {}).get(name, ()):
            if other not in members:
                yield Breach(
                    node.names[name], where, f'"{name}" stands without "{other}"', _description(known[other], root)
                )
        yield from breaches_of(item, known[name], root, where)


def _description(schema: Schema, root: Schema) -> str:
    return str(_resolved(schema, root)["description"])


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _alike(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    return f'Did you mean "{near[0]}"?' if near else f"Its members are: {', '.join(known)}."


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
