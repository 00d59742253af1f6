"""The command's tree: which verbs there are, and in which order `ami --help` shows them."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ami_cli.verbs import (
    archive,
    collect,
    decode,
    demo,
    dlq,
    doctor,
    explain,
    kafka,
    keys,
    ledger,
    mapping,
    meters,
    normalize,
    parked,
    ping,
    read,
    replay,
    routes,
    send,
    simulate,
    tail,
    topics,
    watch,
)

_START: Final = "Start here"
_METERS: Final = "Meters"
_PIPELINE: Final = "The pipeline"
_LOOK: Final = "Look at data"

app = typer.Typer(
    name="ami",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"ami {version('ami-cli')}")
        raise typer.Exit


@app.callback()
def ami(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """AMI Gateway: from any meter's bytes to one canonical reading.

    Results go to stdout, everything else to stderr. Exit codes: docs/exit-codes.md. `AMI_DEBUG=1` adds tracebacks.
    """


def _flow(of: typer.Typer) -> None:
    """Let the paragraphs of all helps flow: typer would keep the line breaks of the sources."""
    for command in of.registered_commands:
        command.help = _paragraphs(command.help or (command.callback and command.callback.__doc__))
    if of.registered_callback is not None and of.registered_callback.callback is not None:
        of.registered_callback.help = _paragraphs(of.registered_callback.callback.__doc__)
    for group in of.registered_groups:
        if group.typer_instance is not None:
            _flow(group.typer_instance)


def _paragraphs(text: str | None) -> str | None:
    return text and "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


app.command(rich_help_panel=_START)(demo.demo)
app.command(rich_help_panel=_START)(doctor.doctor)
app.command(rich_help_panel=_METERS)(read.read)
app.command(rich_help_panel=_METERS)(ping.ping)
app.command(rich_help_panel=_METERS)(send.send)
app.add_typer(simulate.app, name="simulate", rich_help_panel=_METERS)
app.add_typer(meters.app, name="meters", rich_help_panel=_METERS)
app.add_typer(keys.app, name="keys", rich_help_panel=_METERS)
app.command(rich_help_panel=_PIPELINE)(collect.collect)
app.command(rich_help_panel=_PIPELINE)(normalize.normalize)
app.command(rich_help_panel=_PIPELINE)(watch.watch)
app.command(rich_help_panel=_PIPELINE)(archive.archive)
app.add_typer(replay.app, name="replay", rich_help_panel=_PIPELINE)
app.add_typer(kafka.app, name="kafka", rich_help_panel=_PIPELINE)
app.add_typer(topics.app, name="topics", rich_help_panel=_PIPELINE)
app.add_typer(mapping.app, name="mapping", rich_help_panel=_PIPELINE)
app.add_typer(routes.app, name="routes", rich_help_panel=_PIPELINE)
app.command(rich_help_panel=_LOOK)(tail.tail)
app.command(rich_help_panel=_LOOK)(decode.decode)
app.command(rich_help_panel=_LOOK)(explain.explain)
app.add_typer(dlq.app, name="dlq", rich_help_panel=_LOOK)
app.add_typer(parked.app, name="parked", rich_help_panel=_LOOK)
app.add_typer(ledger.app, name="ledger", rich_help_panel=_LOOK)
_flow(app)
