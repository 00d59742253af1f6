"""`ami routes`: readings also to topics of those who use them: what a file of them says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ami_cli.console import console, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Json
from ami_cli.problems import judge

if TYPE_CHECKING:
    from ami_normalize.mapping.check import Problem
    from ami_normalize.routes.route import Route

app = typer.Typer(help="Routes: readings also to topics of those who use them.", no_args_is_help=True)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files of routes (YAML).")],
    as_json: Json = False,
) -> None:
    """Say what is wrong with files of routes: line, column, what, and what to do. Ends with 3 where something is."""
    from ami_normalize.routes.check import check as problems_of

    def by(content: bytes) -> tuple[int, Sequence[Problem]]:
        checked = problems_of(content)
        return len(checked.routes), checked.problems

    form = "docs/routes.md shows the form, `ami routes schema` prints it"
    judge(files, by, things="routes", form=form, as_json=as_json)


@app.command()
def show(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A file of routes. Without it: /etc/ami-gateway/routes.yaml."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show routes: topic, which meters, which values, in which form."""
    from ami_normalize.routes.check import routes_of
    from ami_normalize.routes.watched import DEFAULT_ROUTES

    path = file or DEFAULT_ROUTES
    if file is None and not path.exists():
        raise CommandError(f"There is no {path}", "name a file of routes; docs/routes.md shows one", ExitCode.MISSING)
    drawn = table("topic", "meters", "values", "form", "for")
    for route in routes_of(path.read_bytes(), str(path)):
        told = _described(route)
        if as_json:
            print_json(told)
            continue
        chosen = "\n".join(f"{name} {', '.join(given)}" for name, given in told["meters"].items())
        form = f"{told['format']}, {told['framing']} framing" if told["framing"] else told["format"]
        drawn.add_row(told["topic"], chosen or "all", "\n".join(told["obis"]) or "all", form, told["description"])
    if not as_json:
        console().print(drawn)


@app.command()
def schema(
    readings: Annotated[
        bool, typer.Option("--readings", help="The schema of what a route with `format: json` writes.")
    ] = False,
) -> None:
    """Print the JSON Schema of files of routes (draft 2020-12), for editors and other tools."""
    from ami_normalize.routes.check import schema_text
    from ami_schemas import json_form

    typer.echo(json_form.schema_text() if readings else schema_text(), nl=False)


def _described(route: Route) -> dict[str, Any]:
    meters = {
        "groups": sorted(route.meters.groups),
        "utilities": sorted(route.meters.utilities),
        "ids": list(route.meters.ids),
    }
    return {
        "name": route.name,
        "topic": route.topic,
        "description": route.description,
        "meters": {name: given for name, given in meters.items() if given},
        "obis": [str(pattern) for pattern in route.obis.patterns] if route.obis else [],
        "format": route.format,
        "framing": "prefix" if route.framing.prefix else "header" if route.framing.headers else None,
        "settings": dict(route.settings),
    }
