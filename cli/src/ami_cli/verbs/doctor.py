"""`ami doctor`: is this machine ready, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ami_cli.checks.every import checks
from ami_cli.checks.finding import Level
from ami_cli.console import console, print_json, table
from ami_cli.errors import ExitCode
from ami_cli.meter_options import Control
from ami_cli.options import Bootstrap, Json

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The agent's configuration to check. Without it: /etc/ami-gateway/dlms_config.yaml, if it exists.",
    ),
]

_STYLE = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(
    bootstrap: Bootstrap = None, *, config: Config = None, control: Control = None, as_json: Json = False
) -> None:
    """Check this machine, the agent and Kafka; say what to do. Exits 9 if a check fails.

    Packages, cryptography, clock, load, disk, files, serial ports, firewall, configuration, topics. Changes nothing.
    """
    findings = []
    for finding in checks(bootstrap, config, control):
        findings.append(finding)
        if as_json:
            print_json({**finding._asdict(), "level": finding.level.value})
    worst = [finding.level for finding in findings]
    if not as_json:
        drawn = table("", "check", "found", "what to do")
        for level, name, found, remedy in findings:
            drawn.add_row(Text(level.value, _STYLE[level]), name, Text(found), Text(remedy))
        out = console()
        out.print(drawn)
        warned, failed = worst.count(Level.WARN), worst.count(Level.FAIL)
        out.print(
            f"\n{len(worst)} checks: {worst.count(Level.OK)} ok, {warned} to look at, {failed} failed", style="bold"
        )
    if Level.FAIL in worst:
        raise typer.Exit(ExitCode.INCOMPLETE)
