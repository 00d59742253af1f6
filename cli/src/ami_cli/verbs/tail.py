"""`ami tail`: follow one of our topics, readably."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ami_cli.console import console, note, print_json
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Bootstrap, Json, bootstrap_servers


def tail(
    topic: Annotated[
        str,
        typer.Argument(help="raw, readings, events, dlq, parked, ledger, or the full name of a topic (mdms.….v1)."),
    ],
    *,
    start: Annotated[Literal["beginning", "end"], typer.Option("--from", help="Where to begin.")] = "end",
    count: Annotated[int | None, typer.Option("-n", "--count", min=1, help="Stop after this many records.")] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more, or stop at the end.")] = True,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Follow a topic (committed records only) until Ctrl-C. It joins no group: looking disturbs nobody."""
    from ami_cli.follow import Follower
    from ami_cli.view import records

    name = records.SHORT.get(topic, topic)
    if "." not in name:
        known = ", ".join(records.SHORT)
        raise CommandError(f"There is no topic called '{topic}'", f"one of {known}, or a full name", ExitCode.USAGE)
    out = console()
    seen = 0
    with Follower(bootstrap_servers(bootstrap), [name], from_beginning=start == "beginning") as follower:
        if start == "end" and out.is_terminal:
            note(f"following {name}; Ctrl-C ends it, `--from beginning` shows what is there")
        try:
            while follow or not follower.at_end:
                for record in follower.poll(0.3):
                    if as_json:
                        print_json(records.as_json(record))
                    else:
                        for line in records.lines(record):
                            out.print(line, soft_wrap=not out.is_terminal, crop=out.is_terminal)
                    seen += 1
                    if seen == count:
                        return
        except KeyboardInterrupt:
            return
