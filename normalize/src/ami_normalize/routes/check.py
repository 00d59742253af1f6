"""All that is wrong with a file of routes: what, where, and what to do; and the routes of one that is right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Final, NamedTuple

from ami_dlms.obis import Pattern
from ami_normalize.errors import RoutesInvalid
from ami_normalize.mapping.check import Problem, code_breach, text_of
from ami_normalize.mapping.located import Node, place
from ami_normalize.mapping.located_yaml import NotYaml, parse
from ami_normalize.mapping.schema import Breach, Schema, breaches_of
from ami_normalize.routes import framing
from ami_normalize.routes.framing import BARE, Framing
from ami_normalize.routes.route import Obis, Route, Selection

_NAMES_THE_SCHEMA: Final = {"prefix": "id", "header": "guid"}


class Checked(NamedTuple):
    """A file of routes as read, and what is wrong with it."""

    routes: tuple[Route, ...]
    """Empty where there is a problem."""
    problems: tuple[Problem, ...]


@lru_cache(maxsize=1)
def schema_text() -> str:
    """Return the published schema as it is shipped."""
    return (resources.files("ami_normalize.routes") / "routes.schema.json").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def published() -> Schema:
    """Return the published schema."""
    schema: Schema = json.loads(schema_text())
    return schema


def routes_of(content: bytes, name: str) -> tuple[Route, ...]:
    """Read a file of routes called `name`; raises RoutesInvalid with the place and remedy of the first problem."""
    checked = check(content)
    if checked.problems:
        more = f" ({len(checked.problems) - 1} more.)" if checked.problems[1:] else ""
        raise RoutesInvalid(f"{name}:{checked.problems[0]}{more}; run: ami routes check {name}")
    return checked.routes


def check(content: bytes) -> Checked:
    """Read a file of routes; never raises for what it holds."""
    text = text_of(content)
    if isinstance(text, Problem):
        return Checked((), (text,))
    try:
        node = parse(text)
    except NotYaml as error:
        return Checked((), (Problem(*place(text, error.at), "", error.sentence, error.remedy),))
    found = list(breaches_of(node, published(), published())) or list(_senseless(node.value["routes"]))
    if found:
        problems = (Problem(*place(text, each.at), each.path, each.sentence, each.remedy) for each in found)
        return Checked((), tuple(problems))
    return Checked(tuple(map(_route, node.plain()["routes"])), ())


def _senseless(routes: Node) -> Iterator[Breach]:
    seen: set[str] = set()
    for number, route in enumerate(routes.value):
        members = route.value
        name = members["name"].value
        path = f"routes[{number}]"
        if name in seen:
            remedy = "Give each its own: two routes cannot share a topic."
            yield Breach(members["name"].at, f"{path}.name", f'the name "{name}" stands twice', remedy)
        seen.add(name)
        for at, pattern in enumerate(members["obis"].value if "obis" in members else ()):
            yield from code_breach(pattern, f"{path}.obis[{at}]", Pattern.parse)
        if "framing" in members:
            yield from _framing_senseless(members["framing"], f"{path}.framing")


def _framing_senseless(node: Node, path: str) -> Iterator[Breach]:
    where = node.value["confluent"].value
    needed = _NAMES_THE_SCHEMA[where]
    if needed not in node.value:
        remedy = f"Register the schema, and write the {needed} that the registry gave it."
        yield Breach(node.at, path, f'"{where}" names the schema by its {needed}, which is missing', remedy)
    for other in _NAMES_THE_SCHEMA.values():
        if other != needed and other in node.value:
            yield Breach(node.names[other], f"{path}.{other}", f'"{where}" does not use it', "Remove it.")


def _route(entry: Mapping[str, Any]) -> Route:
    meters = entry.get("meters", {})
    return Route(
        name=entry["name"],
        description=entry.get("description", ""),
        meters=Selection(
            groups=frozenset(meters.get("groups", ())),
            utilities=frozenset(meters.get("utilities", ())),
            ids=tuple(meters.get("ids", ())),
        ),
        obis=Obis(map(Pattern.parse, entry["obis"])) if "obis" in entry else None,
        format=entry.get("format", "protobuf"),
        framing=_framing(entry.get("framing"), protobuf=entry.get("format", "protobuf") == "protobuf"),
        settings={name: str(value) for name, value in entry.get("topic", {}).items()},
    )


def _framing(entry: Mapping[str, Any] | None, *, protobuf: bool) -> Framing:
    if entry is None:
        return BARE
    if entry["confluent"] == "prefix":
        return framing.prefix(entry["id"], protobuf=protobuf)
    return framing.header(entry["guid"], protobuf=protobuf)
