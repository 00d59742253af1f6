"""The order of events of `ami demo --fleet`: meters are read and push, and readings are held against the truth."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ami_cli.console import table
from ami_cli.demo.children import Child
from ami_cli.demo.fleet_scene import PUSHES_FOR_S, REGISTERS, FleetScene
from ami_cli.demo.fleet_truth import Comparison, Said, told
from ami_cli.demo.stage import Running, prepare, stage
from ami_cli.demo.summary import reasons
from ami_cli.demo.tally import Tally
from ami_cli.errors import CommandError, ExitCode
from ami_cli.view.records import Record
from ami_schemas import headers as names
from ami_schemas import topics

FIRST_SERIAL: Final = 1

_WITHIN_S: Final = 240.0
"""How long the fleet may take in all, beyond the time of its pushes."""
_QUIET_S: Final = 10.0
"""After so long without a record nothing is on its way any more."""
_REFRESH_S: Final = 0.25
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What the user asked for."""

    folder: Path
    bootstrap: str | None
    meters: int


@dataclass(slots=True)
class FleetTally:
    """What came by on the topics, and how far the agent is."""

    tally: Tally = field(default_factory=Tally)
    polled: Counter[bytes] = field(default_factory=Counter)
    """Records of polls by meter."""
    read: int = 0
    """Meters all of whose registers were read."""
    pushes: int = 0

    def add(self, record: Record, comparison: Comparison) -> None:
        """Count a record, and take its readings."""
        if record.topic == topics.RAW:
            if record.text(names.EXCHANGE) == "poll":
                key = record.key or b""
                self.polled[key] += 1
                self.read += self.polled[key] == REGISTERS
            else:
                self.pushes += 1
        comparison.read(self.tally.add(record))


def demo_fleet(settings: FleetSettings, console: Console) -> None:
    """Run the demo; return only if the readings are what the fleet said, value by value. Raises CommandError."""
    scene = FleetScene(settings.folder, settings.meters)
    with stage(settings.folder) as stack:
        running = prepare(scene, settings.bootstrap, console, stack)
        found, comparison = FleetTally(), Comparison(range(FIRST_SERIAL, FIRST_SERIAL + settings.meters))
        began = time.monotonic()
        _watch(running, scene, found, comparison, console)
        elapsed = time.monotonic() - began
        running.children.stop()
        comparison.say(told(scene.truths))
    _print_summary(console, found, comparison, elapsed, settings.meters)
    if not comparison.exact:
        raise CommandError(
            f"{comparison.said - comparison.equal} of {comparison.said} values are not what the fleet said",
            f"look at {settings.folder / 'logs'} and at the values named above",
            ExitCode.INCOMPLETE,
        )


def _watch(running: Running, scene: FleetScene, found: FleetTally, comparison: Comparison, console: Console) -> None:
    """Follow until every meter was read and has pushed and every raw record has ended, or nothing moves any more."""
    meters = scene.meters
    with _progress(console) as progress:
        bars = {name: progress.add_task(name, total=meters) for name in ("meters read", "pushes")}
        bars["readings"] = progress.add_task("readings", total=None)
        deadline = time.monotonic() + _WITHIN_S + PUSHES_FOR_S
        last = time.monotonic()
        while time.monotonic() < deadline:
            came = running.follower.poll(_REFRESH_S, 10_000)
            for record in came:
                found.add(record, comparison)
            running.children.check()
            progress.update(bars["meters read"], completed=found.read)
            progress.update(bars["pushes"], completed=found.pushes)
            progress.update(bars["readings"], completed=found.tally.messages, total=max(1, found.tally.raw))
            last = time.monotonic() if came else last
            said = _pushed(scene.pusher)
            complete = said is not None and found.read >= meters and found.pushes >= said
            if complete and not found.tally.unaccounted():
                return
            if said is not None and time.monotonic() - last > _QUIET_S:
                return


def _pushed(pusher: Child | None) -> int | None:
    """Return how many pushes were sent in all, None while there are more to come."""
    if pusher is None or pusher.process.poll() is None:
        return None
    lines = pusher.out.read_text(errors="replace").splitlines()
    numbers: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return int(numbers.get("pushes", 0))


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("  {task.description:<14}", style="bold"),
        BarColumn(bar_width=32, complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _print_summary(console: Console, found: FleetTally, comparison: Comparison, elapsed: float, meters: int) -> None:
    tally, seconds = found.tally, max(elapsed, 0.001)
    missing, surplus = comparison.missing(), comparison.surplus()
    counts = table("", "count>", "")
    counts.show_header = False
    counts.add_row("meters read", f"{found.read:,}", f"of {meters:,}, {REGISTERS} registers each")
    counts.add_row("pushes", f"{found.pushes:,}", "")
    counts.add_row("raw records", f"{tally.raw:,}", f"{tally.raw / seconds:,.0f} a second, {tally.raw_bytes:,} bytes")
    counts.add_row("readings", f"{tally.messages:,}", f"{tally.values:,} values in them")
    counts.add_row("dead letters", f"{sum(tally.dead.values()):,}", reasons(tally.dead))
    counts.add_row("parked", f"{sum(tally.parked.values()):,}", reasons(tally.parked))
    counts.add_row("unaccounted", f"{len(tally.unaccounted()):,}", "raw records that ended as none of these")
    counts.add_row("said by the fleet", f"{comparison.said:,}", "values")
    counts.add_row(
        "equal", f"{comparison.equal:,}", "meter, OBIS code, value, unit, and time where the meter states one"
    )
    counts.add_row("missing", f"{sum(missing.values()):,}", "said, and in no reading")
    counts.add_row("surplus", f"{sum(surplus.values()) + comparison.strangers:,}", "in a reading, and not said")
    console.print(Padding(counts, (0, 2), expand=False))
    _print_some(console, "missing", missing)
    _print_some(console, "surplus", surplus)
    console.print()
    if comparison.exact:
        console.print(f"  [green]Every value is what the fleet said.[/]  {elapsed:.0f} s", highlight=False)
        console.print()


def _print_some(console: Console, name: str, values: Iterable[Said]) -> None:
    for one in sorted(values, key=str)[:_SHOWN]:
        at = f" at {one.at}" if one.at else ""
        console.print(f"    {name}: meter {one.serial}, {one.obis}{at}: {one.value} {one.unit or ''}", markup=False)
