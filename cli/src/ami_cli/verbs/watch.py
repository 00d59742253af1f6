"""`ami watch`: what is found across the records of a meter, in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from ami_cli.options import Bootstrap, Config, bootstrap_servers


def watch(
    bootstrap: Bootstrap = None,
    *,
    config: Config = None,
    web: Annotated[
        str, typer.Option("--web", metavar="HOST:PORT", help="Where the web view and the health page listen.")
    ] = "127.0.0.1:6066",
    group: Annotated[str | None, typer.Option(help="Consumer group. Identical watchers share one.")] = None,
    instance_id: Annotated[
        str | None, typer.Option(help="A name of this process that stays over restarts (static membership).")
    ] = None,
) -> None:
    """Watch for silent meters, missing intervals, drifting clocks, registers that go backwards, security failures.

    Findings go to ami.events.v1, logs to stderr; http://HOST:PORT/ shows who needs attention, /healthz its health.
    SIGTERM and Ctrl-C end it cleanly; SIGKILL loses nothing. docs/watch.md explains findings and limits.
    """
    from ami_cli.logs import stderr_logger
    from ami_normalize.watch.rules.policy import Policy, load
    from ami_normalize.watch.settings import DEFAULT_GROUP, Address, Settings

    log = stderr_logger("watch")
    settings = Settings(
        bootstrap=bootstrap_servers(bootstrap),
        group=group or DEFAULT_GROUP,
        policy=load(config) if config else Policy(),
        web=Address.parse(web),
        instance_id=instance_id,
    )
    from ami_normalize.watch.run import run  # brings Faust, and so comes after what can be wrong without it

    log.info("watching", kafka=settings.bootstrap, group=settings.group, web=f"http://{web}/")
    run(settings, log)
