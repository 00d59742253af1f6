"""`ami parked ls|show`: what waits for a key, a mapping, a context or an identity."""

from __future__ import annotations

import typer

from ami_cli import letter_options as options
from ami_cli.options import Bootstrap, Json, bootstrap_servers

app = typer.Typer(help="Parked records: what waits for a key, a mapping or an identity.", no_args_is_help=True)


@app.command("ls")
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
    """Count what waits by reason and maker, and list the last records (--json: one object each)."""
    from ami_cli.letters import choice_of, chosen, list_letters
    from ami_schemas import topics

    choice = choice_of(reasons=reason, meters=meter, stages=stage, makers=manufacturer, since=since, until=until)
    found = chosen(bootstrap_servers(bootstrap), topics.PARKED, choice, every=every)
    list_letters(found, most, as_json=as_json, summary=summary, what="parked records")


@app.command()
def show(
    source: options.Source,
    *,
    keys: options.Keys = None,
    mapping: options.Mappings = None,
    everything: options.Everything = False,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Explain one parked record: what it waits for, frames, protection, every element. Exits 7 where there is none."""
    from ami_cli.letters import show_letter
    from ami_schemas import topics

    servers = bootstrap_servers(bootstrap)
    show_letter(servers, topics.PARKED, source, keys, mapping, as_json=as_json, all_=everything)
