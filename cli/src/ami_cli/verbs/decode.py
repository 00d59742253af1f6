"""`ami decode`: what captured bytes say, without Kafka, inventory or agent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ami_cli.captured import lines_of, messages_of, transport_of
from ami_cli.console import console, print_json
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Json, Keys, Lenient, Request, Transport


def decode(
    source: Annotated[
        str | None, typer.Argument(metavar="HEX|FILE", help="Hex, or a file of hex lines or bytes.")
    ] = None,
    *,
    jsonl: Annotated[
        str | None,
        typer.Option(
            "--jsonl",
            metavar="FILE|-",
            help='JSON lines {"id", "hex", "transport", "keys", "request_hex"} in, one JSON line each out, same order.',
        ),
    ] = None,
    transport: Transport = "auto",
    keys: Keys = None,
    request: Request = None,
    mapping: Annotated[Path | None, typer.Option(metavar="FILE", help="A mapping beside the built-in ones.")] = None,
    lenient: Lenient = False,
    as_json: Json = False,
) -> None:
    """Decode captured messages: values with OBIS, unit, time and quality, or the reason why not."""
    if (jsonl is None) == (source is None):
        raise CommandError("There is nothing to decode", "give hex, a file, or --jsonl FILE", ExitCode.USAGE)
    from ami_normalize.dialects import Dialects
    from ami_normalize.offline import decode_line, decode_lines
    from ami_normalize.pipeline import Context

    dialects = Dialects.load(*([mapping] if mapping else []))
    if jsonl is not None:
        for decoded in decode_lines(lines_of(jsonl), lenient=lenient, dialects=dialects):
            print_json(decoded)
        return
    from ami_cli.view.decoded import print_decoded

    context = Context(dialects=dialects, lenient=lenient)
    known = read_keys(keys)
    out = console()
    for number, message in enumerate(messages_of(source or "")):
        decoded = decode_line(complete(message, transport, request, known), context)
        if as_json:
            print_json(decoded)
            continue
        if number:
            out.print()
        print_decoded(out, decoded)


def complete(
    message: dict[str, Any], transport: str, request: str | None, keys: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Add what the options say, where the message does not say it itself."""
    text = str(message.get("hex", ""))
    made = dict(message)
    if transport != "auto":
        made["transport"] = transport
    elif not made.get("transport"):
        made["transport"] = transport_of(bytes.fromhex(text[:4]) if re.fullmatch("[0-9a-fA-F]{4}.*", text) else b"")
    if request is not None:
        made["request_hex"] = request
    if not any((made.get("keys") or {}).values()) and keys:
        # the title stands in the message in clear; a file with one entry serves for every message
        titles = [title for title in keys if title and title in text.lower()] or list(keys)
        made["keys"] = {**keys[titles[0]], "system_title": titles[0] or None}
    return made


def read_keys(path: Path | None) -> dict[str, dict[str, Any]]:
    """Read keys by system title (lower-case hex, empty where the file names none). Raises KeysUnreadable."""
    if path is None:
        return {}
    from ami_keys.secret_file import read_secret

    found = read_secret(path)
    if "guek" in found:
        return {str(found.get("system_title") or "").lower(): found}
    return {str(title).lower(): entry for title, entry in found.items() if isinstance(entry, dict)}
