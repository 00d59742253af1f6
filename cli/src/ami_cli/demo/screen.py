"""The live table on a terminal, plain lines elsewhere, and the summary."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ami_cli.console import table
from ami_cli.demo.scene import DemoMeter, named
from ami_cli.demo.tally import Tally
from ami_cli.view.readings import Row

_AROUND: Final = 8
"""Lines of the screen that are not rows of the table."""

_ROWS: Final = 5
"""Rows of one meter at most."""

_STATUS_EVERY_S: Final = 5.0
_WIDE: Final = 120
_MARGIN: Final = 2


class Screen:
    """Shows the tally while the demo runs.

    On a terminal the table is redrawn in place; elsewhere each new object is one line, and a line of counts comes every
    few seconds.
    """

    def __init__(self, console: Console, meters: Sequence[DemoMeter]) -> None:
        self._console = console
        self._meters = meters
        self._live = Live(console=console, auto_refresh=False, transient=False, vertical_overflow="crop")
        self._told: set[tuple[str, str, str]] = set()
        self._last_status = 0.0

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, tally: Tally, new: Sequence[Row], elapsed: float) -> None:
        """Show the state of things; `new` are the values that came since the last call."""
        if self._console.is_terminal:
            self._live.update(self._picture(tally, new, elapsed), refresh=True)
            return
        for row in {(row.meter, row.profile, row.obis): row for row in new}.values():
            self._tell(row)
        if elapsed - self._last_status >= _STATUS_EVERY_S:
            self._last_status = elapsed
            self._console.print(status(tally, elapsed), style="dim")

    def _tell(self, row: Row) -> None:
        key = (row.meter, row.profile, row.obis)
        if key in self._told:
            return
        self._told.add(key)
        self._console.print(
            f"{_name(row.meter):<10} {row.obis:<16} {_meaning(row):<46} {row.value or '-':>16} {row.unit or '':<5} "
            f"{row.at:%H:%M:%S}Z  {row.protection}",
            markup=False,
            soft_wrap=True,
        )

    def _picture(self, tally: Tally, new: Sequence[Row], elapsed: float) -> Group:
        shown = [(meter.name, tally.of(meter)) for meter in self._meters]
        shown += [(id_, found) for id_, found in tally.meters.items() if named(id_) is None]
        share = max(1, min(_ROWS, (self._console.height - _AROUND) // len(shown)))
        fresh = {(row.meter, row.profile, row.obis) for row in new}
        drawn = self._columns()
        for name, found in shown:
            if found is None:
                drawn.add_row(Text(name, style="cyan"), Text("waiting", style="dim"))
                continue
            for index, row in enumerate(found.shown(share)):
                new_here = (row.meter, row.profile, row.obis) in fresh
                drawn.add_row(*self._cells("" if index else name, row, fresh=new_here))
        return Group(Text(), Padding(drawn, (0, _MARGIN)), Text(), Padding(status(tally, elapsed), (0, _MARGIN)))

    def _columns(self) -> Table:
        """Return the table without rows: only the meaning gives way where the terminal is narrow."""
        drawn = table("meter", "OBIS", "meaning", "value>", "unit", "UTC", "protection")
        widths = [7, 16, 0, 12, 4, 8, 23] if self._wide else [7, 11, 0, 10, 4, 8, 10]
        between = 3 if self._wide else 2
        if not self._wide:
            drawn.padding = (0, 1, 0, 0)
        widths[2] = max(0, self._console.width - 2 * _MARGIN - sum(widths) - between * (len(widths) - 1))
        for column, width in zip(drawn.columns, widths, strict=True):
            column.no_wrap = True
            column.overflow = "ellipsis"
            column.width = width
        return drawn

    @property
    def _wide(self) -> bool:
        return self._console.width >= _WIDE

    def _cells(self, name: str, row: Row, *, fresh: bool) -> list[Text]:
        secure = row.protection not in {"", "none"}
        protection = row.protection if self._wide else row.protection.replace("authenticated", "auth")
        return [
            Text(name, style="cyan"),
            Text(row.obis if self._wide else row.obis.removesuffix(".255")),
            Text(_meaning(row), style="dim"),
            Text("-" if row.value is None else row.value, style="bold bright_white" if fresh else "bold"),
            Text(row.unit or ""),
            Text(f"{row.at:%H:%M:%S}", style="" if fresh else "dim"),
            Text(
                protection if self._wide else protection.replace("encrypted", "enc"), style="green" if secure else "dim"
            ),
        ]


def _meaning(row: Row) -> str:
    return f"load profile: {row.meaning}" if row.profile else row.meaning


def _name(meter_id: str) -> str:
    known = named(meter_id)
    return known.name if known else meter_id


def status(tally: Tally, elapsed: float) -> Text:
    """Return the line of counts."""
    parts = [
        f"{elapsed:.0f} s",
        f"raw {tally.raw}",
        f"readings {tally.messages} ({tally.values} values)",
        f"dead letters {sum(tally.dead.values())}",
        f"parked {sum(tally.parked.values())}",
    ]
    delay = tally.delay_ms()
    if delay is not None:
        parts.append(f"meter to topic {delay:.0f} ms")
    return Text(" · ".join(parts), style="dim")
