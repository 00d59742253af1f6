"""YAML in, and what is wrong with it in one sentence with its line."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from ami_ingest.config.values import shown
from ami_ingest.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    _Base = yaml.SafeLoader
else:
    # libyaml reads ten thousand meters in seconds where Python needs half a minute.
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Location = tuple[int | str, ...]
"""Where something stands in a tree of mappings and lists."""

_KEY: Final = "[key]"
"""What pydantic puts behind the name of a mapping's entry where the name itself is wrong."""
_SECRET: Final = frozenset({"password", "guek", "gak", "signing_key", "server_signing_key"})
_PLAIN: Final = {
    "missing": "this key is missing; add it",
    "string_type": "{} is no text; put it in quotes",
    "string_too_short": "{} is empty; write something",
    "string_pattern_mismatch": "{} is no name; use letters, digits and . _ : - (at most 100)",
    "int_type": "{} is no whole number; correct it",
    "int_from_float": "{} is no whole number; correct it",
    "float_type": "{} is no number; correct it",
    "float_parsing": "{} is no number; correct it",
    "bool_type": "{} is neither true nor false; write one of them",
    "tuple_type": "{} is no list; write each entry on a line with `- ` before it",
    "dict_type": "{} is no mapping; write its keys below it",
    "model_type": "{} is no mapping; write its keys below it",
    "model_attributes_type": "{} is no mapping; write its keys below it",
}
_BOUNDS: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


class _UniqueKeyLoader(_Base):
    """A safe loader that refuses a key written twice, where YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"key '{key.value}' stands twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Document:
    """A YAML file as it was read."""

    path: Path
    text: str = field(repr=False)
    tree: Any = field(repr=False)

    def place(self, location: Location) -> str:
        """Say where something stands: file, line and the key's path."""
        place = f"{self.path}, line {self.line(location)}"
        return f"{place}: {dotted(location)}" if location else place

    def line(self, location: Location) -> int:
        """Return the line of what is there, or of what it would be in."""
        return _mark(self._marked, location)

    @cached_property
    def _marked(self) -> yaml.Node | None:
        # The tree with its marks needs far more memory than the text: it is made again only where something is wrong.
        return yaml.compose(self.text, _UniqueKeyLoader)


def read_text(path: Path, what: str, remedy: str) -> str:
    """Return the text of a file, without a byte order mark. Raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{path}: the {what} cannot be read ({reason}); {remedy}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None


def read_yaml(path: Path, text: str) -> Document:
    """Read YAML text of a file. Raises ConfigError."""
    try:
        return Document(path, text, yaml.load(text, _UniqueKeyLoader))  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise ConfigError(f"{path}: {where} is not valid YAML ({error.problem}); correct the line") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise ConfigError(f"{path}: the file is not valid YAML; correct it") from None


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Location, str]]:
    """Yield where each problem is, and a sentence that says what is wrong and what to do."""
    for problem in error.errors():
        yield _explained(problem, model)


def _explained(problem: ErrorDetails, model: type[BaseModel]) -> tuple[Location, str]:
    location, kind, value = problem["loc"], problem["type"], problem["input"]
    context: Mapping[str, Any] = problem.get("ctx", {})
    if location and location[-1] == _KEY:
        return location[:-1], _PLAIN.get(kind, "{} is no name").format(shown(value))
    if kind == "extra_forbidden":
        return location, _unknown(str(location[-1]), _keys(model, location[:-1]))
    if kind == "value_error":
        return location, str(context.get("error", problem["msg"]))
    if kind == "literal_error":
        return location, f"{shown(value)} is not known; write one of {context['expected']}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return location, f"{shown(value)} is out of range; write {words} {context[bound]:g}"
    sentence = _PLAIN.get(kind)
    if sentence is None:
        reason = problem["msg"].replace("Input should be", "must be")
        sentence = f"{{}} {reason[:1].lower()}{reason[1:]}; correct the value"
    return location, sentence.format(shown(value))


def _unknown(name: str, known: Sequence[str]) -> str:
    if name in _SECRET:
        return "unknown key; secrets go into the secrets file"
    return f"unknown key; {nearest(name, known, 'remove it')}"


def nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    """Return the question whether a known name was meant, or another remedy."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else otherwise


def dotted(location: Location) -> str:
    """Write a location as people do: `meters[3].clock.set_over`."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _mark(node: yaml.Node | None, location: Location) -> int:
    """Return the line of what is there, or of what it would be in."""
    line = 0 if node is None else node.start_mark.line
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    """Keys known at a place of the file, by walking the models' fields."""
    current: Any = model
    for step in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field_of = current.model_fields.get(str(step))
            current = None if field_of is None else field_of.annotation
        else:
            current = _within(current)
        current = without_none(current)
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _within(annotation: Any) -> Any:
    """Return what a list or a mapping holds."""
    arguments = [one for one in get_args(annotation) if one is not ...]
    return arguments[-1] if get_origin(annotation) in (dict, tuple, list) and arguments else None


def without_none(annotation: Any) -> Any:
    """Return what an annotation means beside None."""
    choices = [one for one in get_args(annotation) if one is not type(None)]
    return choices[0] if type(None) in get_args(annotation) and len(choices) == 1 else annotation
