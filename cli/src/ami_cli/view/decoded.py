"""The answer of `ami decode`, one message an object, for people: what became of it, its values, its load profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ami_cli.console import table
from ami_schemas import meanings

Decoded = Mapping[str, Any]
"""An object of the JSON form (`{"outcome", "reason", "message", "readings", "intervals", "events", …}`)."""

_MICROSECONDS: Final = re.compile(r"(\.\d{3})\d+")
_STYLES: Final = {"readings": "green", "events": "green", "parked": "yellow", "rejected": "red"}


def print_decoded(console: Console, decoded: Decoded, *, heading: bool = True) -> None:
    """Print one message: its outcome in one line, then its values."""
    if heading:
        console.print(_heading(decoded), soft_wrap=True)
    parts = [
        *([readings_table(decoded["readings"])] if decoded["readings"] else []),
        *interval_tables(decoded["intervals"]),
        *([events_table(decoded["events"])] if decoded["events"] else []),
    ]
    for part in parts:
        console.print()
        console.print(part)


def readings_table(readings: Sequence[Decoded]) -> Table:
    """Return the single values as a table."""
    drawn = table("OBIS", "meaning", "value>", "unit", "measured at", "quality")
    for reading in readings:
        drawn.add_row(
            reading["obis"],
            Text(meaning_of(reading["obis"]), style="dim"),
            Text("-" if reading["value"] is None else str(reading["value"]), style="bold"),
            reading["unit"] or "",
            Text(_MICROSECONDS.sub(r"\1", reading["measured_at"] or ""), style="dim"),
            Text(" ".join(reading["quality"]), style="yellow"),
        )
    return drawn


def interval_tables(intervals: Sequence[Decoded]) -> list[Group]:
    """Return each load profile as a table with a row an interval and a column an object."""
    ordered = sorted(intervals, key=_frame)
    return [_interval_table(list(columns)) for _, columns in groupby(ordered, key=_frame)]


def meaning_of(obis: str) -> str:
    """Return what an OBIS code means, empty where it is not known."""
    found = meanings.meaning(obis)
    return found.description if found else ""


def _frame(column: Decoded) -> tuple[str, str, int, int]:
    return (column["profile"] or "", column["start"] or "", column["period_s"] or 0, len(column["values"]))


def _interval_table(columns: Sequence[Decoded]) -> Group:
    profile, start, period, count = _frame(columns[0])
    head = Text(f"profile {profile}: {count} intervals of {period} s from {start or 'an unknown time'}", style="bold")
    heads = [f"{column['obis']} [{column['unit'] or '-'}]>" for column in columns]
    drawn = table("interval ends", *(name.replace("[", "\\[") for name in heads), "quality")
    for index in range(count):
        quality = sorted({code for column in columns for code in _quality(column, index)})
        values = [column["values"][index] for column in columns]
        drawn.add_row(
            Text(_end(start, period, index), style="dim"),
            *("-" if value is None else str(value) for value in values),
            Text(" ".join(quality), style="yellow"),
        )
    return Group(head, Text(), drawn)


def _quality(column: Decoded, index: int) -> Sequence[str]:
    entries = column["quality"]
    entry = entries[index] if index < len(entries) else ()
    return (entry,) if isinstance(entry, str) else entry or ()


def _end(start: str, period: int, index: int) -> str:
    try:
        first = datetime.fromisoformat(start.replace("Z", "+00:00"))
    except ValueError:
        return f"#{index}"
    return (first + timedelta(seconds=(index + 1) * period)).isoformat().replace("+00:00", "Z")


def events_table(events: Sequence[Decoded]) -> Table:
    """Return the events as a table."""
    drawn = table("event", "details")
    for event in events:
        details = ", ".join(f"{name} {value}" for name, value in event.items() if name != "kind" and value)
        drawn.add_row(str(event.get("kind", "")), details)
    return drawn


def _heading(decoded: Decoded) -> Text:
    outcome = decoded["outcome"]
    heading = Text()
    heading.append(f"{decoded['id']}  ", style="dim")
    heading.append(outcome, style=f"bold {_STYLES.get(outcome, '')}")
    if decoded["reason"]:
        heading.append(f"  {decoded['reason']}", style="bold")
    if decoded["message"]:
        heading.append(f"  {decoded['message']}")
    if decoded["protection"] and outcome in {"readings", "events"}:
        heading.append(f"  protection {decoded['protection']}", style="dim")
    if decoded["meter_time"]:
        heading.append(f"  meter time {decoded['meter_time']}", style="dim")
    return heading
