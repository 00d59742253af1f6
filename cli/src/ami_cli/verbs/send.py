"""`ami send`: push captured frames at a listener, as meters would."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer

from ami_cli.address import host_port
from ami_cli.console import console, note, print_json
from ami_cli.options import Json


def send(
    file: Annotated[Path, typer.Argument(help="Hex lines, or JSON lines with `hex` (and `transport`).")],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="The listener.")] = "localhost:4059",
    transport: Annotated[Literal["tcp", "udp"], typer.Option(help="How to send.")] = "tcp",
    interval: Annotated[float, typer.Option(min=0.0, metavar="SECONDS", help="Pause between two messages.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Push captured frames at a listener like meters would: each on a connection of its own.

    An APDU without framing is put into a COSEM wrapper.
    """
    from ami_ingest.frames import read_frames
    from ami_ingest.send import send as push

    host, port = host_port(to)
    frames = read_frames(file)

    async def run() -> tuple[int, int]:
        count = octets = 0
        async for sent in push(frames, host, port, transport=transport, interval_s=interval):
            count += 1
            octets += len(sent.data)
            if as_json:
                print_json({"id": sent.id, "hex": sent.data.hex()})
            elif console(stderr=True).is_terminal and count % 50 == 0:
                note(f"{count} of {len(frames)} sent")
        return count, octets

    count, octets = asyncio.run(run())
    if not as_json:
        what = "1 message" if count == 1 else f"{count} messages"
        console().print(f"sent {what}, {octets} bytes, to {transport} {to}", markup=False)
