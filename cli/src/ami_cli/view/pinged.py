"""What a ping found, phase by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ami_cli.console import visible
from ami_dlms.obis import format_obis
from ami_ingest.config.model import SignalPolicy
from ami_ingest.meters.signal import in_words

if TYPE_CHECKING:
    from ami_cli.asking import Way
    from ami_ingest.meters.ping import Pinged

PHASES: Final = ("resolve", "connect", "associate", "read")
_WRONG_S: Final = 60.0
"""A clock that is off by more is worth a look: intervals get the wrong stamps."""
_UNITS: Final = (("days", 86_400), ("h", 3600), ("min", 60))


def print_pinged(console: Console, way: Way, pinged: Pinged) -> None:
    """Print who answered, what each phase took, and how its clock is."""
    told = Text()
    told.append(visible(way.meter), style="bold")
    told.append(" answers", style="bold green")
    if way.told != f"at {way.meter}":
        told.append(f"  {way.told}", style="dim")
    console.print(told, soft_wrap=True)
    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="dim")
    drawn.add_column()
    if pinged.connect_s or pinged.associate_s:
        drawn.add_row("  connect", _milliseconds(pinged.connect_s))
        drawn.add_row("  associate", _milliseconds(pinged.associate_s))
    else:
        drawn.add_row("  associated", "already, that association was used")
    drawn.add_row("  read", _milliseconds(pinged.read_s))
    name = visible(pinged.logical_device_name) or "not told"
    drawn.add_row("  name", Text(f"{name}").append(f"  OBIS Code {format_obis(pinged.obis)}", style="dim"))
    if pinged.system_title is not None:
        drawn.add_row("  system title", pinged.system_title.hex())
    drawn.add_row("  clock", _clock(pinged.clock_error_s))
    if pinged.signal_dbm is not None:
        drawn.add_row("  signal", _signal(pinged.signal_dbm))
    console.print(drawn)


def print_stopped(console: Console, meter: str, error: Exception) -> None:
    """Print how far it came; nothing where it did not even begin."""
    phase = getattr(error, "phase", "")
    if getattr(error, "code", "") == "HOST_UNKNOWN":
        phase = "resolve"
    if phase not in PHASES:
        return
    reached = PHASES.index(phase)
    told = Text(f"{visible(meter)}  ", style="bold")
    for number, name in enumerate(PHASES[: reached + 1]):
        fine = number < reached
        told.append(f"{'✓' if fine else '✗'} {name}  ", style="green" if fine else "bold red")
    console.print(told, soft_wrap=True)
    cause = getattr(error, "cause", "")
    if cause:
        console.print(f"  {visible(cause)}", style="dim", markup=False, soft_wrap=True)


def _milliseconds(seconds: float) -> Text:
    return Text(f"{seconds * 1000:7,.1f} ms")


def _signal(dbm: int) -> Text:
    weak = dbm < SignalPolicy().warn_under
    told = Text(f"{dbm} dBm, {in_words(dbm)}", style="yellow" if weak else "")
    return told.append(": look at the antenna and where it hangs") if weak else told


def _clock(error_s: float | None) -> Text:
    if error_s is None:
        return Text("cannot be told", style="dim")
    if abs(error_s) < 1:
        return Text("right to the second", style="green")
    side = "ahead" if error_s > 0 else "behind"
    return Text(f"{_amount(abs(error_s))} {side}", style="yellow" if abs(error_s) > _WRONG_S else "")


def _amount(seconds: float) -> str:
    """Write a span in the largest unit of which it has ten."""
    for name, length in _UNITS:
        if seconds >= 10 * length:
            return f"{seconds / length:,.0f} {name}"
    return f"{seconds:.0f} s"
