"""`ami topics apply`: create the topics that are declared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ami_cli.console import console, print_json, table
from ami_cli.errors import ExitCode
from ami_cli.options import Bootstrap, Json, bootstrap_servers

if TYPE_CHECKING:
    from ami_kafka.topics import TopicSpec

DEFAULT_ROUTES: Final = Path("/etc/ami-gateway/routes.yaml")

app = typer.Typer(help="The topics, as deploy/topics.yaml declares them.", no_args_is_help=True)


@app.command()
def apply(
    file: Annotated[Path | None, typer.Option("--file", "-f", metavar="FILE", help="Another declaration.")] = None,
    routes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also the topics of these routes. Without it: /etc/ami-gateway/routes.yaml, if it exists.",
        ),
    ] = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Create declared topics that are missing; report those that differ. Nothing that exists is changed."""
    from ami_kafka import topics

    specs = topics.load(file)
    if routes or DEFAULT_ROUTES.exists():
        specs = _with_routes(specs, routes or DEFAULT_ROUTES)
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


def _with_routes(specs: list[TopicSpec], path: Path) -> list[TopicSpec]:
    """Add the topics of routes, like that of readings. Only this needs the room that knows routes."""
    from ami_kafka import topics
    from ami_normalize.routes.check import routes_of
    from ami_schemas.topics import READINGS

    routes = routes_of(path.read_bytes(), str(path))
    return topics.beside(specs, READINGS, {route.topic: route.settings for route in routes})
