"""`ami collect`: the agent, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def collect(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="Default: /etc/ami-gateway/dlms_config.yaml."),
    ] = None,
    bootstrap: Annotated[
        str | None,
        typer.Option(
            "--bootstrap",
            envvar="KAFKA_BOOTSTRAP",
            metavar="HOST:PORT[,…]",
            help="Kafka to use instead of the one in the configuration.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check the configuration and exit.")] = False,
) -> None:
    """Run the agent: read the configured meters, take what others push, publish it all to ami.raw.v1.

    Logs to stderr. While Kafka is away it spools to disk. SIGTERM and Ctrl-C end it cleanly; SIGKILL loses nothing.
    """
    from ami_ingest import agent
    from ami_ingest.config.file import DEFAULT_PATH, load

    loaded = load(config or DEFAULT_PATH, bootstrap=bootstrap)
    if check:
        typer.echo(f"{config or DEFAULT_PATH}: {len(loaded.meters)} meters, {len(loaded.listen)} listeners, all right")
        return
    agent.run(loaded)
