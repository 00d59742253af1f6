"""What the demo says at its end: each meter, the counts, the rates, and where to look next."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.padding import Padding

from ami_cli.console import table
from ami_cli.demo.scene import METERS
from ami_cli.demo.tally import Tally
from ami_schemas.reasons import Reason

_ROOMY: Final = 104
"""Columns of a terminal from which on the table says how a meter is connected."""


def print_summary(
    console: Console, tally: Tally, elapsed: float, folder: Path, bootstrap: str, *, own_kafka: bool
) -> None:
    """Print the summary."""
    console.print()
    roomy = console.width >= _ROOMY
    meters = table("meter", *(["how"] if roomy else []), "messages>", "values>", "profile>", "protection verified")
    for meter in METERS:
        found = tally.of(meter)
        cells = ["0", "0", "", "[red]no readings[/]"]
        if found is not None:
            cells = [str(found.messages), str(found.values), str(found.intervals or ""), found.protection]
        meters.add_row(meter.name, *([meter.how] if roomy else []), *cells)
    console.print(Padding(meters, (0, 2), expand=False))
    console.print()
    seconds = max(elapsed, 0.001)
    counts = table("", "count>", "a second>", "")
    counts.show_header = False
    counts.add_row("raw records in", f"{tally.raw}", f"{tally.raw / seconds:.1f} /s", f"{tally.raw_bytes} bytes")
    counts.add_row(
        "readings out", f"{tally.messages}", f"{tally.messages / seconds:.1f} /s", f"{tally.values} values in them"
    )
    counts.add_row("dead letters", f"{sum(tally.dead.values())}", "", reasons(tally.dead))
    counts.add_row("parked", f"{sum(tally.parked.values())}", "", reasons(tally.parked))
    open_ones = len(tally.unaccounted())
    ending = "every raw record ended as one of these" if not open_ones else f"{open_ones} were still being worked on"
    counts.add_row("accounted for", f"{tally.raw - open_ones}", "", ending)
    delay = tally.delay_ms()
    if delay is not None:
        counts.add_row("meter to topic", f"{delay:.0f} ms", "", "median, from reception to its topic")
    console.print(Padding(counts, (0, 2), expand=False))
    _print_next(console, folder, bootstrap, own_kafka=own_kafka)


def reasons(counts: Counter[str]) -> str:
    """Return the most frequent reasons and what they mean."""
    told = []
    for code, count in counts.most_common(3):
        meaning = next((reason.meaning for reason in Reason if reason.value == code), "")
        told.append(f"{count} {code}: {meaning}" if meaning else f"{count} {code}")
    return "; ".join(told)


def _print_next(console: Console, folder: Path, bootstrap: str, *, own_kafka: bool) -> None:
    shown = _relative(folder)
    commands = []
    if own_kafka:
        commands.append((f"ami kafka start --state {shown / 'kafka'}", "the demo's Kafka again, with all it holds"))
    commands += [
        (f"ami tail readings --from beginning --bootstrap {bootstrap}", "the readings, one line a value"),
        (f"ami tail raw --from beginning --bootstrap {bootstrap}", "what the meters said, byte for byte"),
        (f"less {shown / 'agent.yaml'}", "how the agent was configured"),
        (f"ls {shown / 'logs'}", "what each process logged"),
    ]
    console.print("\n  [bold]Where to look next[/]\n")
    width = max(len(command) for command, _ in commands)
    roomy = console.width >= width + 2 + max(len(what) for _, what in commands) + 4
    for command, what in commands:
        if roomy:
            console.print(f"    [cyan]{command:<{width}}[/]  [dim]{what}[/]", soft_wrap=True)
        else:
            console.print(f"    [dim]# {what}[/]\n    [cyan]{command}[/]", soft_wrap=True)
    console.print()


def _relative(folder: Path) -> Path:
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder
