"""`ls` and `show`, the same of dead letters and of parked records."""

from __future__ import annotations

from typing import Literal

import typer

from ami_cli import letter_options as options
from ami_cli.options import Bootstrap, Json, Keys, Mappings, bootstrap_servers


def add_looking(
    app: typer.Typer, topic: Literal["DEAD_LETTERS", "PARKED"], things: str, *, ls_help: str, show_help: str
) -> None:
    """Add both verbs; `topic` is its name in `ami_schemas.topics`, `things` are what it holds."""

    @app.command("ls", help=ls_help)
    def ls(
        *,
        reason: options.Reasons = None,
        meter: options.Meters = None,
        stage: options.Stages = None,
        manufacturer: options.Makers = None,
        since: options.Since = None,
        until: options.Until = None,
        most: options.Most = None,
        summary: options.Summary = False,
        every: options.Every = False,
        bootstrap: Bootstrap = None,
        as_json: Json = False,
    ) -> None:
        from ami_cli.letters import choice_of, chosen, list_letters

        choice = choice_of(reasons=reason, meters=meter, stages=stage, makers=manufacturer, since=since, until=until)
        found = chosen(bootstrap_servers(bootstrap), _named(topic), choice, every=every)
        list_letters(found, most, as_json=as_json, summary=summary, what=things)

    @app.command("show", help=show_help)
    def show(
        source: options.Source,
        *,
        keys: Keys = None,
        mapping: Mappings = None,
        everything: options.Everything = False,
        bootstrap: Bootstrap = None,
        as_json: Json = False,
    ) -> None:
        from ami_cli.letters import show_letter

        servers = bootstrap_servers(bootstrap)
        show_letter(servers, _named(topic), source, keys, mapping, as_json=as_json, all_=everything)


def _named(topic: str) -> str:
    from ami_schemas import topics

    return str(getattr(topics, topic))
