"""`ami dlq ls|show|redrive`: what could not be understood, why, and once more."""

from __future__ import annotations

from typing import Annotated

import typer

from ami_cli import letter_options as options
from ami_cli.errors import CommandError, ExitCode
from ami_cli.letter_verbs import add_looking
from ami_cli.options import Bootstrap, Json, bootstrap_servers

app = typer.Typer(help="Dead letters: raw records that could not be understood.", no_args_is_help=True)
add_looking(
    app,
    "DEAD_LETTERS",
    "dead letters",
    ls_help="Count dead letters by reason and maker, and list the last ones (--json: one object each).",
    show_help="Explain one dead letter: reason and remedy, frames, protection, every element. "
    "Exits 7 where there is none.",
)


@app.command()
def redrive(
    *,
    reason: options.Reasons = None,
    meter: options.Meters = None,
    stage: options.Stages = None,
    manufacturer: options.Makers = None,
    since: options.Since = None,
    until: options.Until = None,
    most: options.Most = None,
    all_: Annotated[bool, typer.Option("--all", help="All dead letters, where nothing else chooses.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked for; ask for nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also what was tried three times.")] = False,
    accept_counter: Annotated[
        bool, typer.Option("--accept-counter", help="Also what the replay protection turned down.")
    ] = False,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.0, help="Wait so long for what comes of it; 0: do not wait.")
    ] = 60.0,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Process dead letters again, by the normalizers that own their partitions; nothing is written to raw.

    Exits 9 where some were tried too often, were turned down by the replay protection, or had no answer in time.
    """
    from ami_cli import redrive as redriving
    from ami_cli.letters import choice_of, chosen
    from ami_normalize.letters.scan import resolved
    from ami_schemas import topics

    choice = choice_of(reasons=reason, meters=meter, stages=stage, makers=manufacturer, since=since, until=until)
    if choice.everything and not all_:
        raise CommandError(
            "Nothing says which dead letters", "choose by --reason, --meter, … or say --all", ExitCode.USAGE
        )
    servers = bootstrap_servers(bootstrap)
    done = resolved(servers)
    found = chosen(servers, topics.DEAD_LETTERS, choice, every=False, done=done)
    made = redriving.plan(found, done, most, force=force, accept_counter=accept_counter)
    answered = None
    if not dry_run and made.requests:
        redriving.send(servers, [request.record() for request in made.requests])
        answered = redriving.wait(servers, made.requests, wait) if wait else None
    redriving.report(made, answered, as_json=as_json, dry=dry_run)
    unanswered = answered is not None and len(answered) < len(made.requests)
    if made.exhausted or made.protected or unanswered:
        raise typer.Exit(ExitCode.INCOMPLETE)
