"""Columns of texts and times: the meter's number, the version of the list, the clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ami_normalize.dialects import NO_DIALECT
from ami_normalize.learning.findings import Finding
from ami_normalize.learning.table import Column, Table
from ami_normalize.shapes import objects

_DEVICE_NAME: Final = re.compile(rb"[A-Z]{3}[0-9A-Za-z]{5,13}")
"""A COSEM logical device name: the maker's three letters and at most 13 signs (Blue Book, 6.2.32)."""
_VERSION: Final = re.compile(rb"[A-Za-z].*\d")
_DIGITS: Final = 4
_LETTERS: Final = 3
_SEVERAL: Final = 3
_CLOSE_S: Final = 86_400
"""So far a meter's clock may be from our reception and still be a clock."""

DEVICE_TYPE: Final = "0.0.96.1.7.255"


def words(table: Table) -> Iterator[tuple[int, Finding]]:
    """Yield what is found of the columns of strings and times."""
    texts = [column for column in table.columns if column.kind == "text"]
    yield from _own(texts, table)
    yield from _common(texts, table)
    yield from _times(table)
    for column in table.columns:
        if column.kind == "obis":
            yield column.index, Finding("six octets that are always an OBIS code, the list's own name")
        elif column.kind == "scaler-unit":
            yield column.index, Finding("scaler and unit of the number before it")


def _own(texts: list[Column], table: Table) -> Iterator[tuple[int, Finding]]:
    """Texts that stay the same at a meter, and differ between meters: its names."""
    named: set[str] = set()
    several = len(table.meters) > 1
    for column in texts:
        if not all(len(set(strings)) == 1 for strings in column.strings if strings):
            yield column.index, Finding("a text that changes: no rule says what it is")
            continue
        first = {strings[0] for strings in column.strings if strings}
        if several and len(first) < max(2, len(table.meters) * 0.9):
            continue
        readable = all(octets.isascii() and octets.decode().isprintable() for octets in first)
        digits = all(sum(48 <= octet < 58 for octet in octets) >= _DIGITS for octets in first)
        if not readable:
            yield column.index, Finding("octets that name the meter, but are no text")
            continue
        if not several and not digits:
            continue
        why = "a text of its own at each meter" if several else "a text with digits of the only meter there is"
        maker = table.maker.encode()
        if maker and all(_DEVICE_NAME.fullmatch(octets) and octets.startswith(maker) for octets in first):
            code, sure, what = objects.LOGICAL_DEVICE_NAME, 0.85, f"which begins with the maker's letters {table.maker}"
        else:
            code, sure, what = objects.SERIALS[0], 0.9, "the first such"
        if code in named:
            yield column.index, Finding(f"{why}, another one beside its number: no rule says which", code, 0.3)
            continue
        named.add(code)
        yield column.index, Finding(f"{why}, {what}", code, sure if several else sure - 0.3)


def _common(texts: list[Column], table: Table) -> Iterator[tuple[int, Finding]]:
    """Texts that are the same everywhere: the version of the list, the type of the meter."""
    several = len(table.meters) > 1
    typed = False
    for column in texts:
        found = {octets for strings in column.strings for octets in strings}
        if len(found) != 1:
            continue
        (octets,) = found
        if not (octets.isascii() and octets.decode().isprintable()):
            yield column.index, Finding("the same octets everywhere, which are no text")
        elif column.index == 0 and _VERSION.match(octets):
            why = "a text with letters and digits at the begin, the same in all messages"
            yield column.index, Finding(why, objects.LIST_VERSION, 0.8 if several else 0.4)
        elif several:
            why = "a text that all meters share: their type, or something else they have in common"
            sure = 0.6 if not typed and len(table.meters) >= _SEVERAL and len(octets) >= _LETTERS else 0.4
            yield column.index, Finding(why, DEVICE_TYPE, sure)
            typed = True
        else:
            yield column.index, Finding("a text that is always the same, of the only meter there is")


def _times(table: Table) -> Iterator[tuple[int, Finding]]:
    clocks = [column for column in table.columns if column.kind == "date-time"]
    near = [(_distance(column, table), column) for column in clocks]
    best = min((found for found, _ in near if found is not None), default=None)
    for distance, column in near:
        moments = {octets for strings in column.strings for octets in strings}
        if len(moments) == 1 and len(table.samples) > 1:
            yield column.index, Finding("a date and time that never changes")
        elif distance is None:
            sure = 0.7 if len(clocks) == 1 else 0.4
            yield column.index, Finding("a date and time that goes on with the messages", objects.CLOCK, sure)
        elif distance == best and distance <= _CLOSE_S:
            yield column.index, Finding("the date and time of the message", objects.CLOCK, 0.95)
        else:
            yield column.index, Finding("a date and time, but not that of the message")
    yield from _parts(table)


def _parts(table: Table) -> Iterator[tuple[int, Finding]]:
    dates = [column for column in table.columns if column.kind == "date"]
    hours = [column for column in table.columns if column.kind == "time"]
    whole = (
        len(dates) == len(hours) == 1 and len({cell for column in hours for row in column.strings for cell in row}) > 1
    )
    for column in (*dates, *hours):
        if whole:
            yield column.index, Finding(f"the {column.kind} of the message", "", 0.9, part=column.kind)
        else:
            yield column.index, Finding(f"a {column.kind}, with none or several to go with it")


def _distance(column: Column, table: Table) -> float | None:
    """Return how far the times of a column are from those of the messages, at the median; None where nobody tells."""
    found = []
    for cells, stated, received in zip(column.cells, table.stated, table.received, strict=True):
        for cell, head, reception in zip(cells, stated, received, strict=True):
            shown = objects.clock(cell, NO_DIALECT)
            if shown is None:
                continue
            if head is not None:
                found.append(abs((shown.local - head.local).total_seconds()))
            elif reception is not None and (moment := shown.utc) is not None:
                found.append(abs(moment.timestamp() - reception))
    found.sort()
    return found[len(found) // 2] if found else None


def constant_begin(column: Column) -> str:
    """Return what all texts of a column begin with: their common letters, without the digits that number them."""
    found = [octets for strings in column.strings for octets in strings]
    if not found or not all(octets.isascii() and octets.decode().isprintable() for octets in found):
        return ""
    first, last = min(found), max(found)
    length = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    begin = re.sub(r"[\d.]+$", "", first[:length].decode())
    return begin if len(begin) >= 3 else ""
