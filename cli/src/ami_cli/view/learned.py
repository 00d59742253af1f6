"""What was learnt of unknown layouts: a table of layouts, and of each its columns with confidence and reason."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from ami_cli.console import table, visible
from ami_cli.view.decoded import meaning_of
from ami_normalize.instants import from_octets
from ami_normalize.learning.proposal import Place, Proposal

_SURE = 0.8
_LONGEST = 20


def print_learned(console: Console, proposals: list[Proposal], sure: float) -> None:
    """Print all proposals."""
    drawn = table("#>", "fingerprint", "maker", "messages>", "meters>", "columns>", "told>", "dialect")
    for number, proposal in enumerate(proposals, start=1):
        drawn.add_row(
            str(number),
            "\n".join(proposal.table.fingerprints),
            proposal.table.maker or "-",
            str(len(proposal.table.samples)),
            str(len(proposal.table.meters)),
            str(len(proposal.places)) if proposal.places else "no list",
            str(proposal.explains(sure)),
            proposal.name if proposal.explains(sure) else Text("none", style="yellow"),
        )
    console.print(drawn)
    for proposal in proposals:
        console.print()
        _print_proposal(console, proposal, sure)


def _print_proposal(console: Console, proposal: Proposal, sure: float) -> None:
    console.print(Text(proposal.name, style="bold cyan"))
    if not proposal.places:
        console.print("The body is no list of values: no mapping explains it.", style="yellow")
        return
    if proposal.deviation_inverted:
        console.print("The clock's deviation has the wrong sign; the entry turns it around.", style="yellow")
    drawn = table("at>", "type", "first values", "OBIS", "scaler>", "unit", "sure>", "why")
    for place in proposal.places:
        drawn.add_row(*_row(place, sure))
    console.print(drawn)


def _row(place: Place, sure: float) -> list[str | Text]:
    found = place.finding
    taken = found.confidence >= sure
    style = ("green" if found.confidence >= _SURE else "") if taken else "dim"
    code = found.obis or (f"clock ({found.part})" if found.part else "")
    says = Text(found.reason)
    if found.obis:
        says = Text(meaning_of(found.obis)).append(f"\n{found.reason}", style="dim")
    return [
        str(place.index),
        Text(f"{place.type} {place.starts}…" if place.starts else place.type),
        Text(_examples(place)),
        Text(code if taken or not code else f"({code})", style=style),
        str(found.scaler) if found.obis and found.is_number else "",
        (found.unit or "none") if found.obis and found.is_number else "",
        Text(f"{found.confidence:.2f}" if code else "", style=style),
        says,
    ]


def _examples(place: Place) -> str:
    return "\n".join(dict.fromkeys(_short(value) for value in place.examples))


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        instant = from_octets(value)
        if instant is not None:
            return instant.local.strftime("%Y-%m-%d %H:%M")
        readable = value.isascii() and value.decode("ascii").isprintable()
        value = value.decode("ascii") if readable else value.hex()
    text = visible(str(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def as_json(proposal: Proposal, sure: float) -> dict[str, Any]:
    """Return a proposal as one object: the layout, its columns, and the entry."""
    seen = proposal.table
    return {
        "fingerprints": list(seen.fingerprints),
        "manufacturer": seen.maker or None,
        "messages": len(seen.samples),
        "meters": len(seen.meters),
        "columns": [
            {
                "index": place.index,
                "type": place.type,
                "obis": place.finding.obis or None,
                "scaler": place.finding.scaler if place.finding.obis and place.finding.is_number else None,
                "unit": place.finding.unit or None,
                "confidence": round(place.finding.confidence, 2),
                "reason": place.finding.reason,
            }
            for place in proposal.places
        ],
        "dialect": proposal.as_dialect(sure) if proposal.explains(sure) else None,
    }
