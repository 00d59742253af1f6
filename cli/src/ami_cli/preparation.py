"""The start of the local Kafka as progress: the phases its kit tells, as one line that moves and one that stays."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

PHASES: Final = {
    "java": ("Java", "looking for Java 17 or later"),
    "jars": ("Kafka jars", "fetching the server from Maven Central"),
    "format": ("storage", "preparing the data folder"),
    "start": ("broker", "waiting until it answers"),
}
"""Name and description of each phase that `ami_kafka.broker` tells."""

NAME_WIDTH: Final = 12


class Preparation:
    """Shows phases while they last, and one line for each that is done.

    Call it with a phase of the kit and its fraction; `begin` and `finish` do the same for phases of one's own. On
    anything but a terminal only the lines of finished phases are printed.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._name = ""
        self._began = 0.0
        self._told: set[str] = set()
        self._progress = Progress(
            TextColumn(" "),
            SpinnerColumn(spinner_name="dots", style="cyan"),
            TextColumn(f"{{task.description:<{NAME_WIDTH}}}", style="bold"),
            BarColumn(bar_width=24, pulse_style="grey37", complete_style="cyan", finished_style="cyan"),
            TextColumn("[dim]{task.fields[doing]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, visible=False, doing="")

    def __call__(self, phase: str, fraction: float) -> None:
        """Take note of a phase of the local broker."""
        if phase not in PHASES or phase in self._told:
            return
        name, doing = PHASES[phase]
        if name != self._name:
            self.begin(name, doing)
        self._progress.update(self._task, total=1.0, completed=fraction)
        if fraction >= 1.0:
            self._told.add(phase)
            self.finish()

    def begin(self, name: str, doing: str = "") -> None:
        """Begin a phase; it runs until `finish`."""
        self._name = name
        self._began = time.monotonic()
        self._progress.reset(self._task, description=name, total=None, completed=0, visible=True, doing=doing)

    def finish(self, outcome: str = "") -> None:
        """End the phase with a line that stays."""
        if not self._name:
            return
        self._progress.update(self._task, visible=False)
        mark = "[green]✓[/]" if self._console.is_terminal else "ok"
        took = time.monotonic() - self._began
        self._console.print(f"  {mark} [bold]{self._name:<{NAME_WIDTH}}[/] [dim]{took:5.1f} s[/]  {outcome}".rstrip())
        self._name = ""

    def __enter__(self) -> Preparation:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
