"""The agent of this machine: its configuration, and whether it runs."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ami_cli.checks.finding import Finding, Level, from_error
from ami_cli.console import counted

if TYPE_CHECKING:
    from ami_ingest.config.model import AgentConfig


def configuration(path: Path | None) -> tuple[AgentConfig | None, Finding]:
    """Read the configuration that was named, or the one where it usually is."""
    try:
        from ami_ingest.config.file import DEFAULT_PATH, load

        chosen = path or DEFAULT_PATH
        if path is None and not DEFAULT_PATH.exists():
            return None, Finding(Level.OK, "configuration", f"no {DEFAULT_PATH}; fine where no agent shall run")
        config = load(chosen)
    except Exception as error:  # noqa: BLE001 - a check reports, whatever happened
        return None, from_error(Level.FAIL, "configuration", error)
    found = f"{chosen}: {counted(len(config.meters), 'meter')}, {counted(len(config.listen), 'listener')}"
    return config, Finding(Level.OK, "configuration", found)


def running(sockets: Iterable[Path]) -> Iterator[Finding]:
    """Ask the agent how it is, at the first socket where one answers."""
    try:
        from ami_ingest.control.client import Agent
        from ami_ingest.errors import IngestError
    except ModuleNotFoundError:
        return
    left: list[tuple[Path, str]] = []
    for path in sockets:
        try:
            if not stat.S_ISSOCK(path.stat().st_mode):
                continue
        except FileNotFoundError:
            continue
        except OSError as error:
            left.append((path, error.strerror or str(error)))
            continue
        try:
            with Agent(path, 5.0) as agent:
                status = agent.status()
        except IngestError as error:
            left.append((path, str(error)))
            continue
        told = f"{status.get('agent')} runs (pid {status.get('pid')}): {status.get('reason') or status.get('state')}"
        well = status.get("healthy") and not status.get("reason")
        yield Finding(Level.OK if well else Level.WARN, "agent", told, str(status.get("remedy") or ""))
        return
    for path, reason in left:
        sentence, _, remedy = reason.partition("; ")
        yield Finding(Level.WARN, "agent", sentence, remedy or f"look at {path}")
    if not left:
        yield Finding(Level.OK, "agent", "none runs here", "")
