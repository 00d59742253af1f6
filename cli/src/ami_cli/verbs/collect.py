"""`ami collect`: the agent, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ami_cli.console import counted, note


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
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the configuration, for editors, and exit.")
    ] = False,
) -> None:
    """Run the agent: read the configured meters, take what others push, publish it all to ami.raw.v1.

    Logs to stderr, and to files where `logs.folder` says so. While Kafka is away it spools to disk. SIGTERM and Ctrl-C
    end it cleanly; SIGKILL loses nothing.
    Changes of the configuration, the inventory and secrets files are taken over while it runs; SIGHUP asks for it.
    """
    from ami_ingest import agent
    from ami_ingest.config.file import DEFAULT_PATH, read
    from ami_ingest.config.form import schema_text
    from ami_ingest.config.watch import Watch
    from ami_ingest.transport.tls import refuse_unusable

    if schema:
        typer.echo(schema_text(), nl=False)
        return
    loaded = read(config or DEFAULT_PATH, bootstrap=bootstrap)
    watch = Watch(loaded)
    if check:
        refuse_unusable(watch.config)
        for sentence in sorted(watch.left_out):
            note(f"a meter of the registry is left out: {sentence}")
        registered = len(watch.config.meters) - len(loaded.config.meters)
        kept = f" ({registered} of the registry, as an agent kept it)" if loaded.registry else ""
        meters, listeners = counted(len(watch.config.meters), "meter"), counted(len(watch.config.listen), "listener")
        typer.echo(f"{config or DEFAULT_PATH}: {meters}{kept}, {listeners}, all right")
        return
    agent.run(watch.config, watch=watch)
