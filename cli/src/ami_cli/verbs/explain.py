"""`ami explain`: a captured message octet by octet, and how each of its values came about."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from ami_cli.captured import message_of, messages_of
from ami_cli.console import console, print_json
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Bootstrap, Json, Kek, Keys, Lenient, Mappings, Request, Transport, bootstrap_servers
from ami_cli.verbs.decode import complete, read_keys

_COORDINATES: Final = re.compile(r"[A-Za-z0-9._-]+\.[A-Za-z0-9._-]+/\d{1,9}/\d{1,19}(#\d+)?")


def is_coordinates(source: str) -> bool:
    """Tell whether a source is a record of a topic, as `ami-source` writes it, and no file."""
    return _COORDINATES.fullmatch(source) is not None and not Path(source).exists()


def explain(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="HEX|FILE|SOURCE",
            help="Hex, a file of hex or JSON lines or bytes, or a record on Kafka: TOPIC/PARTITION/OFFSET.",
        ),
    ] = None,
    *,
    hexadecimal: Annotated[str | None, typer.Option("--hex", metavar="HEX", help="The octets of the message.")] = None,
    meter: Annotated[
        str | None, typer.Option(metavar="ID", help="The last reading of this meter on Kafka, back to its raw record.")
    ] = None,
    obis: Annotated[str | None, typer.Option(metavar="CODE", help="Of the meter, the value of this code.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of the meter, the value that holds for this instant (ISO 8601).")
    ] = None,
    identity: Annotated[
        str | None, typer.Option("--id", metavar="ID", help='Of a file, only the message with this "id".')
    ] = None,
    transport: Transport = "auto",
    keys: Keys = None,
    request: Request = None,
    mapping: Mappings = None,
    lenient: Lenient = False,
    everything: Annotated[bool, typer.Option("--all", help="Leave nothing out of long lists.")] = False,
    default_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="IANA zone of meters that state local time without deviation.")
    ] = "UTC",
    kek: Kek = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Explain a message, captured or on Kafka: frames, protection, every element, and where each value comes from."""
    if sum(given is not None for given in (hexadecimal, source, meter)) != 1:
        raise CommandError("There is nothing to explain", "give --hex HEX, a file, a record or --meter", ExitCode.USAGE)
    if meter is None and (obis or at):
        raise CommandError("--obis and --at are of a meter", "name it with --meter", ExitCode.USAGE)
    from ami_cli.view.explained import print_explained
    from ami_normalize.dialects import Dialects
    from ami_normalize.explanation.page import explain as explained
    from ami_normalize.mapping.watched import DEFAULT_MAPPING
    from ami_normalize.pipeline import Context

    files = mapping or ([DEFAULT_MAPPING] if DEFAULT_MAPPING.exists() else [])
    context = Context(dialects=Dialects.load(*files), lenient=lenient, default_zone=default_zone)
    out = console()
    if meter is not None or (source is not None and is_coordinates(source)):
        from ami_cli.live import Basis, Wanted, live_page
        from ami_cli.registry import store_of
        from ami_normalize.keys import KeyRing

        if keys is not None:
            context = replace(context, keys=KeyRing.from_file(keys))
        by = Basis(context, store_of(kek), chosen=bool(mapping))
        page = live_page(bootstrap_servers(bootstrap), Wanted(source, meter, obis, at), by)
        if as_json:
            print_json(page)
        else:
            print_explained(out, page, everything=everything)
        return
    known = read_keys(keys)
    found = 0
    for message in [message_of(hexadecimal)] if hexadecimal is not None else messages_of(source or ""):
        if identity is not None and str(message.get("id")) != identity:
            continue
        try:
            page = explained(complete(message, transport, request, known), context)
        except ValueError as error:
            raise CommandError(f"{message.get('id')}: {error}", "correct it and try again", ExitCode.DATA) from None
        found += 1
        if as_json:
            print_json(page)
            continue
        if found > 1:
            out.rule(style="dim")
        print_explained(out, page, everything=everything)
    if not found:
        raise CommandError("There is no such message", "look at the ids in the file", ExitCode.MISSING)
