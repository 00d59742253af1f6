"""JSON in which every value knows where it stands, so that an error can say line and column."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn

_BLANK: Final = " \t\n\r"
_MOST_DEPTH: Final = 32


class Place(NamedTuple):
    """Where something stands, counted from 1 as editors do."""

    line: int
    column: int


class NotJson(ValueError):
    """The text is no JSON; `at` is the index of the first character that cannot be."""

    def __init__(self, at: int, sentence: str) -> None:
        super().__init__(sentence)
        self.at = at


@dataclass(frozen=True, slots=True)
class Node:
    """A value: scalars as they are, arrays as a list of nodes, objects as nodes by name."""

    value: Any
    at: int
    """Index of its first character."""
    names: dict[str, int] = field(default_factory=dict)
    """Where each member's name stands, of an object."""
    repeated: tuple[tuple[str, int], ...] = ()
    """Names that stand more than once in an object, and where again."""

    def plain(self) -> Any:
        """Return the value without places, as `json.loads` does."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {name: item.plain() for name, item in self.value.items()}
        return self.value


def parse(text: str) -> Node:
    """Read one JSON value and nothing else; raises NotJson."""
    node, at = _Parser(text).value(0, 0)
    at = _behind_blank(text, at)
    if at < len(text):
        raise NotJson(at, "something follows the end of the JSON value; remove it")
    return node


def place(text: str, at: int) -> Place:
    """Return line and column of an index."""
    at = min(at, len(text))
    begin = text.rfind("\n", 0, at) + 1
    return Place(text.count("\n", 0, at) + 1, at - begin + 1)


def _behind_blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._scalars = json.JSONDecoder(parse_constant=_no_constant)

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        at = _behind_blank(self._text, at)
        first = self._text[at : at + 1]
        if first in {"{", "["}:
            if depth >= _MOST_DEPTH:
                raise NotJson(at, f"nested deeper than {_MOST_DEPTH}; no mapping needs that")
            return self._object(at, depth) if first == "{" else self._array(at, depth)
        try:
            value, end = self._scalars.raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            raise NotJson(error.pos, _sentence(error, first)) from None
        except ValueError as error:
            raise NotJson(at, f"{error} is no JSON number; write a decimal number or null") from None
        return Node(value, at), end

    def _array(self, begin: int, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        at = _behind_blank(self._text, begin + 1)
        while self._text[at : at + 1] != "]":
            item, at = self.value(at, depth + 1)
            items.append(item)
            at = self._next(at, "]")
        return Node(items, begin), at + 1

    def _object(self, begin: int, depth: int) -> tuple[Node, int]:
        members: dict[str, Node] = {}
        names: dict[str, int] = {}
        repeated: list[tuple[str, int]] = []
        at = _behind_blank(self._text, begin + 1)
        while self._text[at : at + 1] != "}":
            name, at = self._name(at)
            if name.value in members:
                repeated.append((name.value, name.at))
            names[name.value] = name.at
            members[name.value], at = self.value(at, depth + 1)
            at = self._next(at, "}")
        return Node(members, begin, names, tuple(repeated)), at + 1

    def _name(self, at: int) -> tuple[Node, int]:
        """Read a member's name and its colon."""
        if self._text[at : at + 1] != '"':
            raise NotJson(at, "a member's name is due; write it in double quotes")
        name, at = self.value(at, 0)
        at = _behind_blank(self._text, at)
        if self._text[at : at + 1] != ":":
            raise NotJson(at, f'a colon is due behind "{name.value}"')
        return name, at + 1

    def _next(self, at: int, end: str) -> int:
        """Return where the next element begins, or where the closing bracket stands."""
        at = _behind_blank(self._text, at)
        separator = self._text[at : at + 1]
        if separator == end:
            return at
        if separator != ",":
            raise NotJson(at, f"a comma or {end} is due" if separator else f"the text ends before its {end}")
        behind = _behind_blank(self._text, at + 1)
        if self._text[behind : behind + 1] == end:
            raise NotJson(at, f"a comma stands before {end}; remove it")
        return behind


def _sentence(error: json.JSONDecodeError, first: str) -> str:
    if not first:
        return "the text ends where a value is due"
    if first in "'tfnTFN/#" or first.isalpha():
        return "a value is due: text in double quotes, a number, true, false, null, an object or an array (no comments)"
    return f"no JSON ({error.msg.lower()})"
