"""`ami explain`: a captured message octet by octet, and how each of its values came about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ami_cli.captured import message_of, messages_of
from ami_cli.console import console, print_json
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Json
from ami_cli.verbs.decode import complete, read_keys


def explain(
    source: Annotated[
        str | None, typer.Argument(metavar="HEX|FILE", help="Hex, or a file of hex or JSON lines or bytes.")
    ] = None,
    *,
    hexadecimal: Annotated[str | None, typer.Option("--hex", metavar="HEX", help="The octets of the message.")] = None,
    identity: Annotated[
        str | None, typer.Option("--id", metavar="ID", help='Of a file, only the message with this "id".')
    ] = None,
    transport: Annotated[
        Literal["auto", "hdlc", "wrapper", "mbus", "raw-apdu", "dsmr-p1"], typer.Option(help="What the bytes are.")
    ] = "auto",
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='JSON {"guek", "gak", "system_title"}, or a keys.json; mode 600.'),
    ] = None,
    request: Annotated[str | None, typer.Option(metavar="HEX", help="The request that a response answers.")] = None,
    mapping: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Mappings before the built-in ones. Without it: /etc/ami-gateway/mapping.json, if it exists.",
        ),
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Also read wrong check sequences and unverified tags, and mark them.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Leave nothing out of long lists.")] = False,
    as_json: Json = False,
) -> None:
    """Explain a captured message: its frames, its protection, every element, and where each value comes from."""
    if (hexadecimal is None) == (source is None):
        raise CommandError("There is nothing to explain", "give --hex HEX, or a file", ExitCode.USAGE)
    from ami_cli.view.explained import print_explained
    from ami_normalize.dialects import Dialects
    from ami_normalize.explanation.page import explain as explained
    from ami_normalize.mapping.watched import DEFAULT_MAPPING
    from ami_normalize.pipeline import Context

    files = mapping or ([DEFAULT_MAPPING] if DEFAULT_MAPPING.exists() else [])
    context = Context(dialects=Dialects.load(*files), lenient=lenient)
    known = read_keys(keys)
    out = console()
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
