"""`ami topics apply`: create the topics that are declared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ami_cli.console import console, print_json, table
from ami_cli.errors import ExitCode
from ami_cli.options import Bootstrap, Json, bootstrap_servers

app = typer.Typer(help="The topics, as deploy/topics.yaml declares them.", no_args_is_help=True)


@app.command()
def apply(
    file: Annotated[Path | None, typer.Option("--file", "-f", metavar="FILE", help="Another declaration.")] = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Create declared topics that are missing; report those that differ. Nothing that exists is changed."""
    from ami_kafka import topics

    specs = topics.load(file)
    changes = topics.apply(bootstrap_servers(bootstrap), specs)
    partitions = {spec.name: spec.partitions for spec in specs}
    drawn = table("topic", "partitions>", "outcome", "differences")
    for change in changes:
        if as_json:
            print_json({**change._asdict(), "outcome": change.outcome.value, "partitions": partitions[change.name]})
        drawn.add_row(change.name, str(partitions[change.name]), change.outcome.value, "; ".join(change.differences))
    if not as_json:
        console().print(drawn)
    if any(change.outcome is topics.Outcome.DIFFERS for change in changes):
        raise typer.Exit(ExitCode.INCOMPLETE)
