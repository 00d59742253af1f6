"""A request and its answer, octet by octet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from ami_cli.view.explained import elements_table, heading
from ami_dlms.annotate import annotate
from ami_dlms.obis import format_obis
from ami_normalize.explanation.words import elements
from ami_schemas import headers

if TYPE_CHECKING:
    from ami_ingest.meters.reading import Reading

_MOST_OCTETS: Final = 64


def print_exchange(console: Console, reading: Reading) -> None:
    """Print what was asked and what came: the plain APDUs, explained, and the octets as received.

    A secret that was asked for is left out.
    """
    from ami_ingest.control.protocol import plain_response
    from ami_ingest.meters.obis_line import is_secret

    exchange = reading.exchange
    if is_secret(exchange):
        console.print(f"\n{format_obis(exchange.obis)} is a secret: its octets are not shown", style="yellow")
        return
    _print_apdu(console, "Request", exchange.request)
    plain = plain_response(reading)
    if plain is not None:
        _print_apdu(console, "Answer", plain)
    for record in reading.records:
        framing = dict(record.headers).get(headers.FRAMING, b"").decode()
        heading(console, f"As received: {framing}, {len(record.value)} octets")
        shown = record.value[:_MOST_OCTETS].hex(" ")
        more = len(record.value) - _MOST_OCTETS
        console.print(Text(shown + (f" +{more}" if more > 0 else ""), style="dim"))


def _print_apdu(console: Console, what: str, octets: bytes) -> None:
    annotation = annotate(octets)
    heading(console, f"{what}: {annotation.name}, {len(octets)} octets")
    console.print(elements_table(elements(octets, annotation.elements), (), everything=False))
