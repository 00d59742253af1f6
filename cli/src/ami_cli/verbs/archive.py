"""`ami archive`: Kafka records into files, beyond the retention of their topics."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from ami_cli.console import console, note, print_json
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Bootstrap, Json, bootstrap_servers


def archive(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go, a folder a topic.")],
    *,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            "--topic",
            metavar="TOPIC",
            help="Topics to archive: raw, dlq, parked, readings, events, or a full name. Without it: raw and dlq.",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on for ever, not up to the end as of now.")] = False,
    every: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=1, help="With --follow: how often files that grow are written."),
    ] = 60.0,
    records: Annotated[
        int, typer.Option(metavar="N", min=1, help="Offsets a file spans at most. Keep it for the life of an archive.")
    ] = 50_000,
    accept_gap: Annotated[
        bool, typer.Option("--accept-gap", help="Go on though Kafka has lost records that are not in the archive.")
    ] = False,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Write topics to Avro files named by topic, day, partition and offsets. A run goes on where the files end.

    Archiving the same offsets again writes the same bytes to the same names.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ami_cli.view.records import SHORT
    from ami_normalize.archive.ranges import Cuts
    from ami_normalize.archive.run import Progress as Done
    from ami_normalize.archive.run import Settings
    from ami_normalize.archive.run import archive as run

    names = tuple(SHORT.get(each, each) for each in topic or ("raw", "dlq"))
    for name in names:
        if "." not in name:
            raise CommandError(
                f"There is no topic called '{name}'", f"one of {', '.join(SHORT)}, or a full name", ExitCode.USAGE
            )
    settings = Settings(
        bootstrap=bootstrap_servers(bootstrap),
        directory=directory,
        topics=names,
        follow=follow,
        publish_every_s=every,
        accept_gap=accept_gap,
        cuts=Cuts(records=records),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    columns = (TextColumn("archiving"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    out = console(stderr=True)
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("archiving", total=None)

        def show(done: Done) -> None:
            bar.update(task, completed=done.records, total=None if follow else done.records + done.left)

        done = run(settings, stop, show)
    if as_json:
        print_json({"records": done.records, "octets": done.octets, "files": done.files, "left": done.left})
    else:
        note(f"{done.records} records in {done.files} files under {directory}")
    if stop.is_set() and not follow:
        raise CommandError(
            f"stopped with {done.left} offsets left", "run it again: it goes on there", ExitCode.INTERRUPTED
        )
