"""`ami replay`: raw records normalized again, what differs, and the new in place of the old."""

from __future__ import annotations

import signal
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from ami_cli.console import console, note, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Bootstrap, Json, Kek, KeyOverlap, bootstrap_servers

if TYPE_CHECKING:
    from rich.progress import Progress

    from ami_normalize.replay.diff import Report
    from ami_normalize.replay.differences import Difference
    from ami_normalize.replay.plan import Plan

_BEGINNING: Final = "beginning"
_EXAMPLES: Final = 10

app = typer.Typer(invoke_without_command=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The replay; `ami replay ls` lists them.")]
Scratch = Annotated[
    Path | None, typer.Option("--scratch", metavar="DIR", help="Where files go meanwhile. Without it: TMPDIR.")
]


@app.callback()
def replay(
    context: typer.Context,
    *,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help=f"ISO 8601 with offset, or `{_BEGINNING}`.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Not included. Without it: up to the end as of now.")
    ] = None,
    meter: Annotated[
        list[str] | None, typer.Option("--meter", metavar="ID", help="Only this meter; repeatable.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option("--from-archive", metavar="DIR", help="Read what `ami archive` wrote, not Kafka.")
    ] = None,
    mapping: Annotated[
        list[Path] | None,
        typer.Option(
            "--mapping",
            metavar="FILE",
            help="Mappings to try, before the built-in ones. Without it: /etc/ami-gateway/mapping.json, if it exists.",
        ),
    ] = None,
    mapping_hash: Annotated[
        str | None, typer.Option("--mapping-hash", metavar="HASH", help="The mapping of that version, of the registry.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="keys.json by system title, mode 600.")
    ] = None,
    kek: Kek = None,
    key_overlap: KeyOverlap = 7,
    unidentified: Annotated[
        Literal["park", "accept"], typer.Option(help="As for `ami normalize`; take what the live run has.")
    ] = "park",
    default_zone: Annotated[str, typer.Option(metavar="ZONE", help="As for `ami normalize`.")] = "UTC",
    identity: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Its name. One that was begun goes on. Without it: the time of day."),
    ] = None,
    rate: Annotated[float | None, typer.Option(metavar="N", min=0.1, help="Raw records a second at most.")] = None,
    compare: Annotated[bool, typer.Option("--diff/--no-diff", help="Say at the end what differs from live.")] = True,
    scratch: Scratch = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Normalize raw records of a time again, into topics of their own. What is live is not touched.

    It ends where the topic ended when it began. `diff` shows what differs, `promote` makes it live, `drop` throws it
    away. Ends with 130 where it was stopped before its end: run it again with the same --id.
    """
    if context.invoked_subcommand is not None:
        return
    if start is None and identity is None:
        raise CommandError(
            "--from is missing", f"--from 2026-01-31T00:00:00+01:00, or --from {_BEGINNING}", ExitCode.USAGE
        )
    from ami_cli.hot_path import refuse_stale
    from ami_cli.logs import stderr_logger
    from ami_normalize.replay.inputs import frozen
    from ami_normalize.replay.run import Settings
    from ami_normalize.replay.run import replay as run
    from ami_normalize.stream.settings import Settings as Live

    refuse_stale()
    settings = Settings(
        bootstrap=bootstrap_servers(bootstrap),
        id=identity or datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S"),
        start_ms=None if start in (None, _BEGINNING) else _ms(start, "--from"),
        until_ms=_ms(until, "--until") if until else None,
        meters=frozenset(meter or ()),
        archive=archive,
        rate=rate,
    )
    if mapping and mapping_hash:
        raise CommandError("--mapping and --mapping-hash are two mappings", "take one of them", ExitCode.USAGE)
    made = frozen(
        Live(
            bootstrap=settings.bootstrap,
            keys=keys,
            kek=kek,
            key_overlap_us=key_overlap * 86_400_000_000,
            mappings=_existing(mapping),
            unidentified=unidentified,
            default_zone=default_zone,
        ),
        stderr_logger("replay"),
        mapping_hash,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _bar("replaying") as (bar, task):
        plan = run(
            settings,
            made,
            stop,
            lambda plan: bar.update(task, completed=plan.length - plan.left, total=plan.length),
        )
    report = _compared(settings.bootstrap, plan, scratch) if compare and plan.complete else None
    _tell(plan, report, as_json)
    if not plan.complete:
        raise CommandError(
            f"stopped with {plan.left} offsets left", f"ami replay --id {plan.id} goes on there", ExitCode.INTERRUPTED
        )


@app.command()
def diff(
    names: Annotated[list[str], typer.Argument(metavar="ID|TOPIC TOPIC", help="A replay, or two topics of readings.")],
    *,
    max_added: Annotated[int | None, typer.Option(metavar="N", min=0, help="Values that may be new.")] = None,
    max_removed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Values that may be gone.")] = None,
    max_changed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Values that may be others.")] = None,
    examples: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Differences to show. Without it: 10, and with --json all."),
    ] = None,
    scratch: Scratch = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Say what differs: value, unit, time and quality by natural key; provenance does not count.

    Ends with 11 where more differs than --max-added, --max-removed or --max-changed allow.
    """
    from ami_cli.view.differences import difference_json, difference_line, report_json, report_lines
    from ami_normalize.replay.diff import diff as compare
    from ami_normalize.replay.diff import diff_topics

    if len(names) > 2:
        raise CommandError("There are too many names", "one replay, or two topics", ExitCode.USAGE)
    out = console()
    servers = bootstrap_servers(bootstrap)
    most = examples if examples is not None else (None if as_json else _EXAMPLES)
    shown = 0

    def show(difference: Difference) -> None:
        nonlocal shown
        if most is not None and shown >= most:
            return
        shown += 1
        if as_json:
            print_json(difference_json(difference))
        else:
            out.print(difference_line(difference), markup=False, soft_wrap=True)

    with _bar("comparing") as (bar, task):

        def progress(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        if len(names) == 1:
            report = compare(servers, names[0], show, progress, scratch)
        else:
            report = diff_topics(servers, (names[0], names[1]), show, progress, scratch)
    if as_json:
        print_json(report_json(report))
    else:
        if report.kinds.total() > shown:
            out.print(f"… and {report.kinds.total() - shown} more (--examples N, --json for all)", style="dim")
        _print_groups(report)
        for line in report_lines(report):
            out.print(line, markup=False, soft_wrap=True)
    _gate(report, {"added": max_added, "removed": max_removed, "changed": max_changed})


@app.command()
def promote(
    identity: Id,
    *,
    meter: Annotated[
        list[str] | None,
        typer.Option("--meter", metavar="ID", help="Only this meter, and what it was called before; repeatable."),
    ] = None,
    accept_expired: Annotated[
        bool, typer.Option("--accept-expired", help="Go on though live readings of the range have left Kafka.")
    ] = False,
    routes: Annotated[
        Path | None,
        typer.Option(
            "--routes",
            metavar="FILE",
            help="Routes of the live normalizers. Without it: /etc/ami-gateway/routes.yaml, if it exists.",
        ),
    ] = None,
    default_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="As for `ami normalize`: for local times in the JSON of routes.")
    ] = "UTC",
    settle: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Time for live normalizers to take the new revision over.")
    ] = 5.0,
    scratch: Scratch = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Make a replay's values live: what differs is written with the next revision, what vanished is withdrawn.

    Put the mapping in force for `ami normalize` first. Interrupted, run it again: nothing is written twice.
    """
    from dataclasses import asdict

    from ami_normalize.instants import zone_of
    from ami_normalize.replay.promote import Settings
    from ami_normalize.replay.promote import promote as run
    from ami_normalize.routes.watched import DEFAULT_ROUTES, RouteFile

    if routes and not routes.exists():
        raise CommandError(f"{routes} does not exist", "check the path", ExitCode.MISSING)
    settings = Settings(
        bootstrap=bootstrap_servers(bootstrap),
        id=identity,
        meters=frozenset(meter or ()),
        accept_expired=accept_expired,
        settle_s=settle,
        routes=RouteFile(routes or DEFAULT_ROUTES, zone_of(default_zone)).routes,
        scratch=scratch,
    )
    with _bar("comparing") as (bar, task):
        done = run(settings, lambda what, done, of: bar.update(task, description=what, completed=done, total=of))
    if as_json:
        print_json(asdict(done))
        return
    out = console()
    if not done.meters:
        out.print(f"nothing differs from what is live; the revision stays {done.revision}")
        return
    out.print(
        f"revision {done.revision}: {done.values} values of {done.meters} meters written, {done.withdrawn} withdrawn, "
        f"{done.again} that came meanwhile lifted",
        soft_wrap=True,
    )
    for old, new in done.renamed.items():
        out.print(f"{old} is {new} now", markup=False, soft_wrap=True)


@app.command("ls")
def list_(bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """List the replays that were begun and not thrown away."""
    from ami_normalize.replay.plan import plans

    drawn = table("id", "begun", "mapping", "records>", "left>", "state")
    for plan in sorted(plans(bootstrap_servers(bootstrap)).values(), key=lambda plan: plan.begun_us):
        if as_json:
            print_json(_plan_json(plan))
        begun = datetime.fromtimestamp(plan.begun_us / 1e6, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        state = "complete" if plan.complete else "unfinished"
        drawn.add_row(plan.id, begun, plan.mapping, str(plan.records), str(plan.left), state)
    if not as_json:
        console().print(drawn)


@app.command()
def drop(identity: Id, bootstrap: Bootstrap = None) -> None:
    """Throw a replay away: its topics, its group, its entry in the ledger. What was promoted stays."""
    from ami_normalize.replay.plan import plan_of
    from ami_normalize.replay.shadow import drop as away

    servers = bootstrap_servers(bootstrap)
    away(servers, plan_of(servers, identity))
    note(f"replay {identity} is gone")


def _existing(mapping: list[Path] | None) -> tuple[Path, ...]:
    """Return the mappings to take; only the default one need not exist."""
    from ami_normalize.mapping.watched import DEFAULT_MAPPING

    for path in mapping or ():
        if not path.exists():
            raise CommandError(f"{path} does not exist", "check the path", ExitCode.MISSING)
    return tuple(mapping or [DEFAULT_MAPPING])


def _compared(servers: str, plan: Plan, scratch: Path | None) -> Report:
    from ami_normalize.replay.diff import diff as compare

    with _bar("comparing") as (bar, task):
        return compare(
            servers,
            plan.id,
            on_progress=lambda what, done, of: bar.update(task, description=what, completed=done, total=of),
            scratch=scratch,
        )


def _tell(plan: Plan, report: Report | None, as_json: bool) -> None:
    from ami_cli.view.differences import report_json, report_lines

    if as_json:
        print_json({**_plan_json(plan), **({"diff": report_json(report)} if report else {})})
        return
    out = console()
    told = _plan_json(plan)
    counts = ", ".join(f"{told[name]} {name}" for name in ("readings", "events", "rejected", "parked"))
    out.print(f"replay {plan.id}: {plan.records} raw records in; out: {counts}", markup=False, soft_wrap=True)
    if plan.upheld:
        out.print(f"{plan.upheld} stay rejected: the live run had heard their counters before")
    for line in report_lines(report) if report else ():
        out.print(line, markup=False, soft_wrap=True)


def _plan_json(plan: Plan) -> dict[str, Any]:
    from ami_schemas import topics

    names = {"readings": topics.READINGS, "events": topics.EVENTS}
    names |= {"rejected": topics.DEAD_LETTERS, "parked": topics.PARKED}
    return {
        "id": plan.id,
        "mapping": plan.mapping,
        "complete": plan.complete,
        "left": plan.left,
        "records": plan.records,
        **{name: plan.written[topic] for name, topic in names.items()},
        "upheld": plan.upheld,
    }


def _print_groups(report: Report) -> None:
    if not report.groups:
        return
    drawn = table("maker", "obis", "kind", "values>")
    for (manufacturer, obis, kind), count in sorted(report.groups.items(), key=lambda item: (-item[1], item[0])):
        drawn.add_row(manufacturer or "-", obis, kind, str(count))
    console().print(drawn)


def _gate(report: Report, most: dict[str, int | None]) -> None:
    over = [
        f"{report.kinds[kind]} {kind}, allowed {limit}"
        for kind, limit in most.items()
        if limit is not None and report.kinds[kind] > limit
    ]
    if over:
        raise CommandError(
            f"More differs than is allowed: {'; '.join(over)}", "look at the lines above", ExitCode.DIFFERS
        )


def _ms(text: str, option: str) -> int:
    from ami_cli.times import parse_time

    return round(parse_time(text, option).timestamp() * 1000)


class _bar:  # noqa: N801 - used as a function is
    """A progress bar on stderr where that is a terminal."""

    def __init__(self, description: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        out = console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=out, transient=True, disable=not out.is_terminal)
        self._description = description

    def __enter__(self) -> tuple[Progress, Any]:
        self._progress.start()
        return self._progress, self._progress.add_task(self._description, total=None)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
