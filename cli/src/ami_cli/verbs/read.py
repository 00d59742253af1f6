"""`ami read`: read one meter, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ami_cli.asking import is_address, way_to
from ami_cli.console import console, print_json
from ami_cli.errors import CommandError, ExitCode
from ami_cli.meter_options import (
    Authentication,
    Client,
    Config,
    Control,
    Meter,
    Secrets,
    Server,
    Suite,
    Timeout,
    TlsCertificate,
    TlsOptions,
    TlsPrivateKey,
    TlsServerName,
    TlsTrust,
    Verbose,
    access_to,
    refuse_unused,
)
from ami_cli.options import Json
from ami_cli.times import parse_time

if TYPE_CHECKING:
    from ami_cli.interpret import Interpreted
    from ami_ingest.meters.read import ProfileRange

_SHARE: Final = 0.8
"""Of the time in all that one wait may take: it says what it waited for, where the time in all cannot."""


def read(
    context: typer.Context,
    meter: Meter,
    obis: Annotated[
        list[str] | None, typer.Argument(metavar="OBIS…", help="OBIS, CLASS:OBIS or CLASS:OBIS:ATTRIBUTE.")
    ] = None,
    *,
    config: Config = None,
    control: Control = None,
    client: Client = 16,
    server: Server = "1",
    auth: Authentication = "none",
    suite: Suite = 0,
    secrets: Secrets = None,
    tls_certificate: TlsCertificate = None,
    tls_private_key: TlsPrivateKey = None,
    tls_trust: TlsTrust = None,
    tls_server_name: TlsServerName = None,
    profile: Annotated[str | None, typer.Option("--profile", metavar="OBIS", help="A load profile to read.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First row's stamp, ISO 8601 with offset, inclusive.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last row's stamp, likewise.")] = None,
    timeout: Timeout = 25.0,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Read values of one meter, or rows of a load profile.

    A meter given by its address needs no Kafka, no configuration, no inventory. One of the inventory is read by the
    agent that runs: over the connection it has, with the keys it has.

    With --json it prints an object a reading, or one a profile column, in the form of `ami decode`. A column whose
    capture period changes within the range is more than one object. The rows of an event log are an object each.
    """
    from ami_ingest.config.target import Target

    targets = [Target.parse(text) for text in obis or ()]
    rows = _range(profile, start, end)
    if not targets and rows is None:
        raise CommandError("There is nothing to read", "name an OBIS code, or a --profile", ExitCode.USAGE)
    access = None
    if is_address(meter):
        tls = TlsOptions(tls_certificate, tls_private_key, tls_trust, tls_server_name)
        access = access_to(meter, client=client, server=server, auth=auth, suite=suite, secrets=secrets, tls=tls)
        access = access.within(min(access.timeout_s, _SHARE * timeout))
    else:
        refuse_unused(context, meter)
    with way_to(meter, access=access, control=control, config=config, timeout_s=timeout, verbose=verbose) as way:
        answers = way.read(targets, rows)
        access = way.access
    if rows is not None and len(answers) == len(targets):
        raise CommandError(
            f"The profile {profile} has no rows from {start} to {end}", "read another range", ExitCode.INCOMPLETE
        )
    from ami_cli.interpret import interpret

    found = interpret(answers, access)
    if as_json:
        for one in (*found.readings, *found.intervals, *found.events):
            print_json(one)
    else:
        _print(found)
    if verbose:
        from ami_cli.view.exchanged import print_exchange

        for answer in answers:
            print_exchange(console(stderr=as_json), answer)


def _print(found: Interpreted) -> None:
    from ami_cli.view.decoded import events_table, interval_tables, readings_table

    out = console()
    if found.readings:
        out.print(readings_table(found.readings))
    for part in interval_tables(found.intervals):
        out.print(part)
    if found.events:
        out.print(events_table(found.events))


def _range(profile: str | None, start: str | None, end: str | None) -> ProfileRange | None:
    from ami_ingest.config.target import Target
    from ami_ingest.meters.read import ProfileRange

    if profile is None:
        if start or end:
            raise CommandError("--from and --to belong to a --profile", "name the profile's OBIS code", ExitCode.USAGE)
        return None
    if start is None or end is None:
        raise CommandError("--profile needs --from and --to", "give both, ISO 8601 with offset", ExitCode.USAGE)
    first, last = parse_time(start, "--from"), parse_time(end, "--to")
    if first > last:
        raise CommandError("--from lies after --to", "swap them", ExitCode.USAGE)
    return ProfileRange(Target.parse(profile).obis, first, last)
