"""`ami kafka start|stop|status`: a real Kafka on this machine, without Docker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ami_cli.console import console, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Json
from ami_cli.preparation import Preparation

if TYPE_CHECKING:
    from ami_kafka.broker import BrokerStatus

app = typer.Typer(help="Start, stop and look at a real Kafka on this machine (no Docker needed).", no_args_is_help=True)

DEFAULT_PORT: Final = 9092

Folder = Annotated[
    Path | None,
    typer.Option(
        "--state", metavar="FOLDER", help="Where its data and logs lie. Default: kafka in the state directory."
    ),
]


@app.command()
def start(
    nodes: Annotated[int, typer.Option(help="1, or 3 for a cluster that survives the loss of a node.")] = 1,
    port: Annotated[int | None, typer.Option(help="Port of the first node; the others follow it.")] = None,
    state: Folder = None,
    as_json: Json = False,
) -> None:
    """Start it; data of an earlier start is found again. Prints the bootstrap address."""
    from ami_kafka.broker import LocalBroker

    if nodes not in {1, 3}:
        raise CommandError(f"A local Kafka has 1 node or 3, not {nodes}", "give --nodes 1 or --nodes 3", ExitCode.USAGE)
    folder = state.absolute() if state else None
    known = LocalBroker(folder).status()
    wanted = port if port is not None else None if known.nodes else DEFAULT_PORT
    with Preparation(console(stderr=True)) as progress:
        broker = LocalBroker(folder, nodes=nodes, port=wanted, progress=progress)
        broker.start()
    _print(broker.status(), as_json=as_json)


@app.command()
def stop(state: Folder = None, as_json: Json = False) -> None:
    """Stop it; its data stays."""
    from ami_kafka.broker import LocalBroker

    broker = LocalBroker(state.absolute() if state else None)
    broker.stop()
    _print(broker.status(), as_json=as_json)


@app.command()
def status(state: Folder = None, as_json: Json = False) -> None:
    """Show whether it runs, and where. Exits 0 if it does, 4 if not."""
    from ami_kafka.broker import LocalBroker

    found = LocalBroker(state.absolute() if state else None).status()
    _print(found, as_json=as_json)
    if not found.running:
        raise typer.Exit(ExitCode.KAFKA)


def _print(found: BrokerStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "running": found.running,
                "bootstrap": found.bootstrap,
                "state_dir": str(found.state_dir),
                "kafka_version": found.kafka_version,
                "nodes": [{**node._asdict(), "log": str(node.log)} for node in found.nodes],
            }
        )
        return
    out = console()
    if not found.nodes:
        out.print(f"no local Kafka has been started in {found.state_dir}", markup=False, soft_wrap=True)
        return
    drawn = table("node>", "address", "pid>", "log")
    for node in found.nodes:
        drawn.add_row(str(node.number), f"127.0.0.1:{node.port}", str(node.pid or "stopped"), str(node.log))
    out.print(drawn)
    state = "[green]running[/]" if found.running else "[yellow]stopped[/]"
    out.print(f"\nKafka {found.kafka_version} {state}, bootstrap [bold]{found.bootstrap}[/]")
