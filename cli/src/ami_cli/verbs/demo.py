"""`ami demo`: six virtual meters, an agent, a normalizer and a real Kafka, and their readings as they arrive."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from ami_cli.console import console


def demo(
    bootstrap: Annotated[
        str | None,
        typer.Option(
            "--bootstrap",
            envvar="KAFKA_BOOTSTRAP",
            metavar="HOST:PORT[,…]",
            help="Kafka to use. Without it the demo starts one of its own, and stops it at the end.",
        ),
    ] = None,
    duration: Annotated[float, typer.Option(min=1.0, metavar="SECONDS", help="How long to show readings.")] = 12.0,
    fleet: Annotated[
        int | None,
        typer.Option(
            min=1, max=20_000, metavar="METERS", help="Show a fleet instead, its readings held against the truth."
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="FOLDER", help="Default: demo in the state directory.")
    ] = None,
) -> None:
    """See the whole of it: meters, agent, Kafka, normalizer, readings. Exits 0 only if every meter's readings arrive.

    Three virtual meters are read (no security, password, HLS-GMAC), three push (plain, ciphered, an independent Gurux).
    With --fleet each of so many meters is read and pushes; it exits 0 only if the readings are what the meters said,
    value by value. Ctrl-C ends it; nothing is left running.
    """
    from ami_cli.demo.run import DemoSettings
    from ami_cli.demo.run import demo as run
    from ami_kafka.state import state_dir

    signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
    folder = (state or state_dir() / "demo").absolute()
    if fleet is not None:
        from ami_cli.demo.fleet_run import FleetSettings, demo_fleet

        demo_fleet(FleetSettings(folder, bootstrap, fleet), console())
        return
    run(DemoSettings(folder, bootstrap, duration), console())
