"""All that is wrong with a mapping: what, where, and what to do. First its form, by the schema, then its sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Final, NamedTuple

from ami_dlms.errors import UsageError
from ami_dlms.obis import Pattern, parse_obis
from ami_normalize.errors import SettingsInvalid
from ami_normalize.instants import zone_of
from ami_normalize.mapping.located import Node, NotJson, parse, place
from ami_normalize.mapping.schema import Breach, breaches
from ami_schemas import units

_PATTERN_REMEDY: Final = "Write A.B.C.D.E.F with numbers to 255; a group may be * or a choice: 1.0.{1,2,21-24}.8.*.255."
_PARTS: Final = {"date", "time"}


class Problem(NamedTuple):
    """One thing that is wrong with a mapping; line and column count from 1."""

    line: int
    column: int
    path: str
    sentence: str
    remedy: str

    def __str__(self) -> str:
        where = f" ({self.path})" if self.path else ""
        return f"{self.line}:{self.column}: {self.sentence}{where}. {self.remedy}"


class Checked(NamedTuple):
    """A mapping as read, and what is wrong with it."""

    entries: tuple[Node, ...]
    """Its dialects; to be used only where there is no problem."""
    problems: tuple[Problem, ...]


def text_of(content: bytes) -> str | Problem:
    """Return the text of a file, or where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        return Problem(*place(before, len(before)), "", "this is not UTF-8", "Save the file as UTF-8.")


def check(content: bytes) -> Checked:
    """Read a mapping; never raises for what it holds."""
    text = text_of(content)
    if isinstance(text, Problem):
        return Checked((), (text,))
    try:
        node = parse(text)
    except NotJson as error:
        what, _, remedy = str(error).partition("; ")
        told = Problem(*place(text, error.at), "", what, _as_sentence(remedy or "correct the JSON"))
        return Checked((), (told,))
    found = list(breaches(node))
    entries = _entries(node)
    if not found:
        found = list(_senseless(entries))
    return Checked(
        entries,
        tuple(Problem(*place(text, breach.at), breach.path, breach.sentence, breach.remedy) for breach in found),
    )


def _as_sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _entries(node: Node) -> tuple[Node, ...]:
    if isinstance(node.value, dict) and "dialects" in node.value:
        node = node.value["dialects"]
    return tuple(node.value) if isinstance(node.value, list) else (node,)


def _senseless(entries: tuple[Node, ...]) -> Iterator[Breach]:
    seen: set[str] = set()
    for number, entry in enumerate(entries):
        members = entry.value
        path = members["name"].value
        if path in seen:
            yield Breach(members["name"].at, f"[{number}]", f'the name "{path}" stands twice', "Give each its own.")
        seen.add(path)
        if not _list(entry, "match") and not _list(entry, "layouts"):
            yield Breach(entry.at, path, "nothing ever uses this dialect", "Add a condition to match, or a layout.")
        if "time" in members and "zone" in members["time"].value:
            yield from _zone(members["time"].value["zone"], f"{path}.time.zone")
        for at, condition in enumerate(_list(entry, "match")):
            yield from _condition(condition, f"{path}.match[{at}]")
        for at, rule in enumerate(_list(entry, "objects")):
            yield from _rule(rule, f"{path}.objects[{at}]")
        for at, layout in enumerate(_list(entry, "layouts")):
            yield from _layout(layout, f"{path}.layouts[{at}]")


def _list(node: Node, name: str) -> list[Node]:
    found: list[Node] = node.value[name].value if name in node.value else []
    return found


def _condition(node: Node, path: str) -> Iterator[Breach]:
    shape = node.value.get("shape")
    if shape is not None:
        for at, pattern in enumerate(_list(shape, "objects")):
            yield from code_breach(pattern, f"{path}.shape.objects[{at}]", Pattern.parse)


def _rule(node: Node, path: str) -> Iterator[Breach]:
    yield from code_breach(node.value["obis"], f"{path}.obis", Pattern.parse)
    yield from _unit(node, path)
    if "as" in node.value:
        yield from code_breach(node.value["as"], f"{path}.as", lambda text: parse_obis(text.replace("*", "0")))
    if not node.value.keys() - {"obis"}:
        yield Breach(node.at, path, "this rule says nothing", "Add unit, scaler, as, number, no_value or digits.")


def _layout(node: Node, path: str) -> Iterator[Breach]:
    columns = node.value["columns"].value
    rows = "rows" in node.value and node.value["rows"].value
    if "profile" in node.value:
        yield from code_breach(node.value["profile"], f"{path}.profile", parse_obis)
    parts: dict[str, Node] = {}
    before: str | None = None
    for at, column in enumerate(columns):
        where = f"{path}.columns[{at}]"
        members = column.value
        kind = members["type"].value
        if "obis" in members:
            yield from code_breach(members["obis"], f"{where}.obis", parse_obis)
        yield from _unit(column, where)
        if "starts" in members and kind != "text":
            yield Breach(column.names["starts"], f"{where}.starts", f"a {kind} does not start so", "Make it a text.")
        if rows and ("part" in members or kind == "scaler-unit"):
            what = "scaler-unit" if kind == "scaler-unit" else "part of the clock"
            remedy = "Rows have their clock in one column, and scalers and units in the mapping."
            yield Breach(column.at, where, f"a row has no {what}", remedy)
        elif "part" in members:
            if members["part"].value in parts or kind != members["part"].value:
                remedy = "Have one column of type date for the date and one of type time for the time."
                yield Breach(column.names["part"], f"{where}.part", "this is no such part of the clock", remedy)
            parts[members["part"].value] = column
        if kind == "scaler-unit" and before != "number":
            yield Breach(column.at, where, "a scaler-unit follows no number", "Put it behind the number it is of.")
        before = kind
    if parts and set(parts) != _PARTS:
        alone = next(iter(parts.values()))
        yield Breach(alone.at, path, "date and time must both be columns", "Add the part that is missing.")


def code_breach(node: Node, path: str, read: Callable[[str], object]) -> Iterator[Breach]:
    """Yield what is wrong with a code, or a pattern of codes, that `read` reads."""
    try:
        read(node.value)
    except UsageError:
        remedy = _PATTERN_REMEDY if read == Pattern.parse else "Write A.B.C.D.E.F with numbers to 255."
        yield Breach(node.at, path, f'"{node.value}" is no OBIS code', remedy)


def _unit(node: Node, path: str) -> Iterator[Breach]:
    unit = node.value.get("unit")
    if unit is None or unit.value is None or units.code(unit.value) is not None:
        return
    remedy = "Write a symbol of the DLMS unit list, such as Wh, varh, W, var, V, A, Hz, or null for none."
    if unit.value[:1] in {"k", "M"} and units.code(unit.value[1:]) is not None:
        remedy = f'Write "{unit.value[1:]}" and add {3 if unit.value[0] == "k" else 6} to "scaler".'
    else:
        symbols = [symbol for symbol in map(units.symbol, range(256)) if symbol]
        near = [symbol for symbol in symbols if symbol.lower() == unit.value.lower()]
        near = near or get_close_matches(unit.value, symbols, n=1)
        remedy = f'Did you mean "{near[0]}"? {remedy}' if near else remedy
    yield Breach(unit.at, f"{path}.unit", f'"{unit.value}" is no unit of the DLMS unit list', remedy)


def _zone(node: Node, path: str) -> Iterator[Breach]:
    try:
        zone_of(node.value)
    except SettingsInvalid:
        yield Breach(node.at, path, f'"{node.value}" is no time zone', "Write an IANA name such as Europe/Vienna.")
