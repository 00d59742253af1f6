"""`ami read`: read one meter that is in no inventory, now."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ami_cli.console import console, print_json
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Json
from ami_cli.view.decoded import objects, print_objects

if TYPE_CHECKING:
    from ami_ingest.access import MeterAccess
    from ami_ingest.read import ProfileRange

Auth = Literal["none", "lls", "hls-md5", "hls-sha1", "hls-gmac", "hls-sha256", "hls-ecdsa"]

Endpoint = Annotated[str, typer.Argument(metavar="ADDRESS", help="tcp://HOST:PORT (wrapper) or hdlc+tcp://HOST:PORT.")]
Client = Annotated[int, typer.Option("--client", min=1, help="Client address (SAP).")]
Server = Annotated[str, typer.Option("--server", help="Logical device; `1/17` adds the physical HDLC address.")]
Authentication = Annotated[Auth, typer.Option("--auth", help="How to authenticate.")]
Suite = Annotated[int, typer.Option("--suite", min=0, max=2, help="Security suite.")]
Secrets = Annotated[
    "Path | None",
    typer.Option(
        "--secrets", metavar="FILE", help='JSON {"password", "guek", "gak", "client_system_title"}, mode 600.'
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", min=1.0, metavar="SECONDS", help="Give up after this time.")]


def read(
    address: Endpoint,
    obis: Annotated[
        list[str] | None, typer.Argument(metavar="OBIS…", help="OBIS, CLASS:OBIS or CLASS:OBIS:ATTRIBUTE.")
    ] = None,
    *,
    client: Client = 16,
    server: Server = "1",
    auth: Authentication = "none",
    suite: Suite = 0,
    secrets: Secrets = None,
    profile: Annotated[str | None, typer.Option("--profile", metavar="OBIS", help="A load profile to read.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First row, ISO 8601 with offset, inclusive.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last row, likewise.")] = None,
    timeout: Timeout = 25.0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log the session to stderr.")] = False,
    as_json: Json = False,
) -> None:
    """Read values of one meter, or rows of a load profile. Needs no Kafka, no configuration, no inventory.

    Prints a line a value, or with `--json` one object a reading or profile column, in the form of `ami decode`.
    """
    from ami_ingest.read import read_meter
    from ami_ingest.target import Target

    if not obis and profile is None:
        raise CommandError("There is nothing to read", "name an OBIS code, or --profile", ExitCode.USAGE)
    targets = [Target.parse(text) for text in obis or ()]
    access = access_to(address, client, server, auth, suite, secrets)
    wanted = _range(profile, start, end)
    answers = asyncio.run(
        read_meter(access, targets, wanted, state_dir=_state(), deadline_s=timeout, log=session_log(verbose=verbose))
    )
    raise NotImplementedError(answers)


def access_to(address: str, client: int, server: str, auth: Auth, suite: int, secrets: Path | None) -> MeterAccess:
    """Put the options together. Raises CommandError, and the errors of ingest for address and secrets."""
    from ami_dlms.client import Authentication
    from ami_ingest.access import MeterAccess
    from ami_ingest.config import missing_credentials
    from ami_ingest.credentials import Credentials, read_credentials
    from ami_ingest.endpoint import Endpoint

    logical, slash, physical = server.partition("/")
    if not logical.isdecimal() or (slash and not physical.isdecimal()):
        raise CommandError(f"--server {server} is no address", "write 1, or 1/17", ExitCode.USAGE)
    credentials = read_credentials(secrets) if secrets is not None else Credentials()
    missing = missing_credentials(auth, credentials)
    if missing:
        where = "name a file with --secrets" if secrets is None else f"add it to {secrets}"
        raise CommandError(f"--auth {auth} needs {missing}", where, ExitCode.MISSING)
    return MeterAccess(
        endpoint=Endpoint.parse(address),
        client_address=client,
        logical_device=int(logical),
        physical_device=int(physical) if slash else None,
        authentication=Authentication(auth),
        suite=suite,
        credentials=credentials,
    )
