"""A message explained, as a page: frames, protection, every element of the APDU with its octets, and the values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ami_cli.console import table, visible
from ami_cli.view.decoded import events_table, interval_tables, meaning_of

Page = Mapping[str, Any]

_STYLES: Final = {"readings": "green", "events": "green", "parked": "yellow", "rejected": "red"}
_OCTETS: Final = 10
"""Octets of an element that are shown; the rest is counted."""
_MOST_ALIKE: Final = 24
_FIRST, _LAST = 6, 2
"""Of a longer list, so many elements at its begin and end are shown."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_LAYOUT: Final = re.compile(r"layout '[^']*'")
_INDEX: Final = re.compile(r"\[(\d+)\]")


def print_explained(console: Console, page: Page, *, everything: bool = False) -> None:
    """Print the page of one message; `everything` leaves nothing out of long lists."""
    console.print(_outcome(page), soft_wrap=False)
    console.print(_versions(page))
    _print_record(console, page)
    if page.get("asked"):
        _print_trail(console, page)
    _print_frame(console, page["frame"])
    count = sum("joined" not in apdu for apdu in page["apdus"])
    for number, apdu in enumerate(page["apdus"], start=1):
        which = f" {number} of {count}" if count > 1 else ""
        _print_apdu(console, apdu, which, everything=everything)
    for part in (*interval_tables(page["intervals"]), *([events_table(page["events"])] if page["events"] else [])):
        console.print()
        console.print(part)


def _outcome(page: Page) -> Text:
    told = Text()
    told.append(f"{visible(str(page['id']))}  ", style="dim")
    told.append(page["outcome"], style=f"bold {_STYLES.get(page['outcome'], '')}")
    if page["reason"]:
        told.append(f"  {page['reason']}", style="bold")
    if page["message"]:
        told.append(f"  {visible(page['message'])}")
    return told


def _versions(page: Page) -> Text:
    told = Text(f"mapping {page['mapping']}, decoder {page['decoder']}", style="dim")
    if page["outcome"] in {"readings", "events"}:
        told.append(f", protection {page['protection']}", style="dim")
    if page["meter_time"]:
        told.append(f", meter time {page['meter_time']}", style="dim")
    return told


def _print_record(console: Console, page: Page) -> None:
    """Print where a record on Kafka stands, what became of it, and what is otherwise now."""
    if "record" not in page:
        return
    record = page["record"]
    heading(console, f"Record: {record['source']}")
    drawn = Table.grid(padding=(0, 2))
    drawn.add_row("key", Text(visible(record["key"]) or "none"))
    agent = f"by {record['agent']}" if record["agent"] else ""
    ways = ", ".join(filter(None, (record["exchange"], record["transport"], agent)))
    came = f"{record['received'] or 'not said'}{f' ({ways})' if ways else ''}"
    drawn.add_row("received", Text(visible(came)))
    drawn.add_row("SHA-256", Text(record["sha256"], style="dim"))
    made = page.get("made")
    if made is None:
        drawn.add_row("became", Text("nothing that is found on Kafka: not normalized yet, or expired", style="yellow"))
    else:
        drawn.add_row("became", _became(made))
        drawn.add_row("made by", Text(_made_by(made)))
    console.print(drawn)
    for sentence in page.get("differences", ()):
        console.print(Text(f"now otherwise: {sentence}", style="yellow"))
    if page.get("in_force"):
        console.print("All below is by the mapping that made it.")


def _became(made: Page) -> Text:
    told = Text()
    told.append(made["outcome"], style=f"bold {_STYLES.get(made['outcome'], '')}")
    told.append(f"  {made['record']}")
    for name in ("reason", "message"):
        if made.get(name):
            told.append(f"  {visible(made[name])}", style="bold" if name == "reason" else "")
    if made.get("meter"):
        told.append(f"  of meter {visible(made['meter'])}")
    return told


def _made_by(made: Page) -> str:
    words = {"mapping": "mapping", "dialect": "dialect", "decoder": "decoder", "key_version": "key version"}
    told = [f"{words[name]} {made[name]}" for name in words if made.get(name)]
    if made.get("protection"):
        told.append(f"protection {made['protection']}")
    if made.get("revision"):
        told.append(f"revision {made['revision']}")
    return ", ".join(told)


def _print_trail(console: Console, page: Page) -> None:
    """Print the one value that was asked for, from its octets to what stands on Kafka."""
    asked = page["asked"]
    heading(console, f"The value: {asked['obis']}  {meaning_of(asked['obis'])}")
    drawn = Table.grid(padding=(0, 2))
    for apdu in page["apdus"]:
        places = {element["path"]: element for element in apdu["elements"]}
        for reading in apdu["readings"]:
            if reading["obis"] != asked["obis"]:
                continue
            element = places.get(reading["path"])
            if element:
                drawn.add_row("octets", f"{_octets(element['hex'])}, at {element['offset']} of the APDU")
                drawn.add_row("say", Text(visible(f"{element['type']} {element['value']}")))
            if reading["rule"]:
                drawn.add_row("rule", Text(reading["rule"]))
    value = "no value" if asked["value"] is None else visible(asked["value"])
    shown = Text(f"{value} {asked['unit'] or ''}", style="bold")
    drawn.add_row("value", shown)
    drawn.add_row("holds for", asked["measured_at"])
    if asked.get("profile"):
        drawn.add_row("of profile", f"{asked['profile']}  {meaning_of(asked['profile'])}")
    if asked["quality"]:
        drawn.add_row("quality", Text(" ".join(asked["quality"]), style="yellow"))
    console.print(drawn)


def heading(console: Console, text: str) -> None:
    """Print the heading of a part."""
    console.print()
    console.print(text, style="bold cyan", markup=False)


def _print_frame(console: Console, frame: Page) -> None:
    whole = "" if frame["complete"] else ", INCOMPLETE"
    heading(console, f"Frame: {frame['framing']}, {frame['length']} octets{whole}")
    drawn = table("at>", "octets>", "what", "from", "to", "check sequence", "segment")
    for one in frame["frames"]:
        intact = one.get("intact")
        check = "" if intact is None else Text("right", style="green") if intact else Text("WRONG", style="red")
        segment = "" if one.get("segment") is None else f"{one['segment']}{', more follow' if one.get('more') else ''}"
        ends = ("" if one.get(end) is None else str(one[end]) for end in ("source", "destination"))
        drawn.add_row(str(one["offset"]), str(one["length"]), one["kind"], *ends, check, segment)
    console.print(drawn)


def _print_apdu(console: Console, apdu: Page, which: str, *, everything: bool) -> None:
    for layer in apdu["security"]:
        _print_layer(console, layer)
    if apdu["apdu"]:
        # offsets count from the APDU, which in a ciphered message stands nowhere in the frame
        place = f", from octet {apdu['offset']} on" if apdu["offset"] is not None and not apdu["security"] else ""
        inside = ", deciphered" if apdu["security"] else ""
        name = f"Answer of {apdu['joined']} blocks" if apdu.get("joined") else f"APDU{which}: {apdu['apdu']}"
        heading(console, f"{name}, {len(apdu['plain']) // 2} octets{place}{inside}")
        if apdu.get("deviation"):
            console.print(f"read with the maker's deviation '{apdu['deviation']}' put right", style="yellow")
        console.print(elements_table(apdu["elements"], apdu["readings"], everything=everything))
        if apdu.get("error") and not apdu.get("refused"):
            console.print(Text(f"{apdu['error']['reason']}: {apdu['error']['message']}", style="red"))
    if apdu.get("refused"):
        refused = apdu["refused"]
        console.print()
        told = Text(f"{refused['stage']}: {refused['reason']}: {refused['message']}", style="bold yellow")
        if refused.get("fingerprint"):
            told.append(f"; its fingerprint is {refused['fingerprint']}")
        console.print(told)
    if apdu["readings"]:
        _print_values(console, apdu)


def _print_layer(console: Console, layer: Page) -> None:
    heading(console, f"Security: {layer['apdu']}")
    maker = f" ({layer['manufacturer']})" if layer["manufacturer"] else ""
    drawn = Table.grid(padding=(0, 2))
    drawn.add_row("system title", f"{layer['system_title'] or 'not stated'}{maker}")
    if "security_control" in layer:
        control = f"{layer['security_control']:#04x}: {layer['protection']}, suite {layer['suite']}"
        drawn.add_row("security control", control + (", broadcast key" if layer["broadcast"] else ""))
        drawn.add_row("invocation counter", str(layer["invocation_counter"]))
    drawn.add_row("key version", layer["key_version"] or Text("no key of this system title", style="yellow"))
    for name, words in (("tag", "authentication tag"), ("signature", "signature")):
        if name in layer:
            style = {"verified": "green", "none": "yellow"}.get(layer[name], "red")
            drawn.add_row(words, Text(layer[name], style=style))
    console.print(drawn)
    console.print(elements_table(layer["elements"], (), everything=False))


def elements_table(elements: Sequence[Page], readings: Sequence[Page], *, everything: bool) -> Table:
    """Return elements as a table, each with its place, its octets and what it says."""
    values = {reading["path"]: reading for reading in readings if reading["path"]}
    drawn = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    drawn.add_column("at", justify="right")
    drawn.add_column("octets", no_wrap=True, style="dim", max_width=3 * _OCTETS + 4)
    drawn.add_column("element", overflow="fold")
    drawn.add_column("says", overflow="fold", ratio=1)
    lengths = {element["path"]: _count(element) for element in elements}
    left_out = 0
    for element in elements:
        if not everything and _is_among_many(element["path"], lengths):
            left_out += 1
            continue
        if left_out:
            drawn.add_row("", f"… {left_out} elements", "", Text("more of the same: --all shows them", style="dim"))
            left_out = 0
        drawn.add_row(str(element["offset"]), _octets(element["hex"]), _name(element), _says(element, values))
    return drawn


def _count(element: Page) -> int:
    told = str(element["value"] or "").partition(" ")[0]
    return int(told) if element["type"] in {"array", "structure"} and told.isdigit() else 0


def _is_among_many(path: str, lengths: Mapping[str, int]) -> bool:
    """Tell whether an element is in the middle of a long list."""
    for index in _INDEX.finditer(path):
        count, number = lengths.get(path[: index.start()], 0), int(index[1])
        if count > _MOST_ALIKE and _FIRST <= number < count - _LAST:
            return True
    return False


def _octets(digits: str) -> str:
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    shown = " ".join(pairs[:_OCTETS])
    return shown if len(pairs) <= _OCTETS else f"{shown} +{len(pairs) - _OCTETS}"


def _name(element: Page) -> Text:
    path, _, kind = element["path"], None, element["type"]
    depth = path.count("[")
    last = path[path.rindex("[") :] if depth else path
    told = Text("  " * depth + last)
    if kind:
        told.append(f" {kind}", style="dim")
    return told


def _says(element: Page, values: Mapping[str, Page]) -> Text:
    value, means = element["value"], element["means"]
    told = Text()
    if means:
        told.append(visible(means))
    elif value is not None and not (element["type"] is None and str(value) == element["hex"]):
        told.append(visible(str(value)))
    reading = values.get(element["path"])
    if reading is not None:
        unit = f" {reading['unit']}" if reading["unit"] else ""
        shown = "no value" if "NO_VALUE" in reading["quality"] else f"{visible(reading['value'])}{unit}"
        already = told.plain.endswith(shown)
        told.append(f"{'  ' if told else ''}= {reading['obis']}", style="green")
        told.append("" if already else f" {shown}", style="bold green")
    return told


def _print_values(console: Console, apdu: Page) -> None:
    by = f", dialect {apdu['dialect']}" if apdu.get("dialect") else ""
    zone = f", time by {apdu['time_origin'].lower().replace('_', ' ')}" if apdu.get("time_origin") else ""
    layout = _layout_of(apdu["readings"])
    heading(console, f"Values{by}{f', {layout}' if layout else ''}{zone}")
    places = {element["path"]: element["offset"] for element in apdu["elements"]}
    rules = dict.fromkeys(reading["rule"] for reading in apdu["readings"] if reading["rule"])
    shared = dict(zip(rules, _LETTERS, strict=False)) if 2 * len(rules) <= len(apdu["readings"]) else {}
    given = "meaning" if shared else "meaning, and what gave it code, scaler and unit"
    drawn = table("at>", "OBIS", "value>", "unit", *(["by"] if shared else []), given)
    for reading in apdu["readings"]:
        told = Text(meaning_of(reading["obis"]))
        own = "" if reading["rule"] in shared else reading["rule"].removeprefix(f"{layout}, " if layout else "")
        for words, style in ((own, "dim"), (" ".join(reading["quality"]), "yellow")):
            if words:
                told.append(f"{chr(10) if told else ''}{words}", style=style)
        drawn.add_row(
            str(places.get(reading["path"], "")),
            reading["obis"],
            Text(visible(str(reading["value"] or "-")), style="bold"),
            reading["unit"] or "",
            *([shared.get(reading["rule"], "")] if shared else []),
            told,
        )
    console.print(drawn)
    for rule, letter in shared.items():
        console.print(Text(f"  by {letter}  {rule}", style="dim"))


def _layout_of(readings: Sequence[Page]) -> str:
    """Return the layout by which all values got their codes, where there is one: `layout 'list 1'`."""
    found = {match[0] if (match := _LAYOUT.match(reading["rule"])) else "" for reading in readings}
    return found.pop() if len(found) == 1 else ""
