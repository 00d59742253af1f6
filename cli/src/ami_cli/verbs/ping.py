"""`ami ping`: whether a meter answers, who it is, and where it stops if it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from ami_cli.asking import is_address, way_to
from ami_cli.console import console, print_json
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

if TYPE_CHECKING:
    from ami_cli.asking import Way
    from ami_ingest.meters.ping import Pinged


def ping(
    context: typer.Context,
    meter: Meter,
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
    timeout: Timeout = 10.0,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Connect, associate, read name, clock and signal; tell how long each phase took, or where it stopped.

    A meter of the inventory is asked through the agent that runs: no second connection, no keys needed here.
    """
    access = None
    if is_address(meter):
        tls = TlsOptions(tls_certificate, tls_private_key, tls_trust, tls_server_name)
        access = access_to(meter, client=client, server=server, auth=auth, suite=suite, secrets=secrets, tls=tls)
        access = access.within(timeout)
    else:
        refuse_unused(context, meter)
    with way_to(meter, access=access, control=control, config=config, timeout_s=timeout, verbose=verbose) as way:
        try:
            pinged = way.ping()
        except Exception as error:
            out = console(stderr=True)
            if out.is_terminal and not as_json:  # others get the one sentence of every failure
                from ami_cli.view.pinged import print_stopped

                print_stopped(out, meter, error)
            raise
        if as_json:
            print_json(_object(way, pinged))
        else:
            from ami_cli.view.pinged import print_pinged

            print_pinged(console(), way, pinged)
        if verbose and pinged.reading is not None:
            from ami_cli.view.exchanged import print_exchange

            print_exchange(console(stderr=as_json), pinged.reading)


def _object(way: Way, pinged: Pinged) -> dict[str, Any]:
    from ami_dlms.obis import format_obis

    return {
        "meter": way.meter,
        "way": way.told,
        "obis": format_obis(pinged.obis),
        "logical_device_name": pinged.logical_device_name,
        "system_title": pinged.system_title.hex() if pinged.system_title else None,
        "connect_ms": round(pinged.connect_s * 1000, 1),
        "associate_ms": round(pinged.associate_s * 1000, 1),
        "read_ms": round(pinged.read_s * 1000, 1),
        "clock_error_s": None if pinged.clock_error_s is None else round(pinged.clock_error_s, 1),
        "signal_dbm": pinged.signal_dbm,
    }
