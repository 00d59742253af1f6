"""`ami normalize`: the processor of raw records, in the foreground."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated, Literal

import typer

from ami_cli.options import Bootstrap, Kek, KeyOverlap, bootstrap_servers


def normalize(
    bootstrap: Bootstrap = None,
    *,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="keys.json by system title, mode 600, for meters without keys in the registry; "
            "read again when it changes.",
        ),
    ] = None,
    kek: Kek = None,
    key_overlap: KeyOverlap = 7,
    mapping: Annotated[
        list[Path] | None,
        typer.Option(
            "--mapping",
            metavar="FILE",
            help="Mappings before the built-in ones, read again when they change. "
            "Without it: /etc/ami-gateway/mapping.json.",
        ),
    ] = None,
    routes: Annotated[
        Path | None,
        typer.Option(
            "--routes",
            metavar="FILE",
            help="Routes: readings also to topics of their own, read again when they change. "
            "Without it: /etc/ami-gateway/routes.yaml.",
        ),
    ] = None,
    unidentified: Annotated[
        Literal["park", "accept"],
        typer.Option(help="A message that nothing but its peer's address identifies: park it, or (labs) accept it."),
    ] = "park",
    default_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="IANA zone of meters that state local time without offset.")
    ] = "UTC",
    group: Annotated[str | None, typer.Option(help="Consumer group. Identical normalizers share one.")] = None,
    breaker_share: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0.0,
            help="Stop the line when the messages of this share of the meters cannot be opened any more; 2: never.",
        ),
    ] = 0.2,
    breaker_meters: Annotated[int, typer.Option(metavar="N", min=1, help="… and at least so many distinct ones.")] = 10,
    batch: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="At most so many raw records in one transaction; one costs about 10 ms."),
    ] = 2000,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Serve /metrics (Prometheus), /healthz and /health there; without a host on 127.0.0.1.",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=10.0, help="Unhealthy: records wait, and none was done for so long."),
    ] = 60.0,
    instance_id: Annotated[
        str | None,
        typer.Option(help="A name of this process that stays over restarts (static membership); workers add -1, -2, …"),
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="So many processes, started again when they end.")
    ] = 1,
    supervised: Annotated[int | None, typer.Option(hidden=True, help="Which worker of a supervisor this is.")] = None,
) -> None:
    """Turn raw records into readings, events, dead letters and parked records, exactly once.

    Logs to stderr. Start as many as there is work for, or --workers; SIGTERM and Ctrl-C end them cleanly, SIGKILL loses
    nothing.
    """
    from ami_cli.hot_path import refuse_stale
    from ami_cli.logs import LoopLog, stderr_logger
    from ami_cli.workers import supervise
    from ami_kafka.check import check
    from ami_kafka.loop import BatchPolicy
    from ami_kafka.observe.endpoint import Address
    from ami_normalize import compiled
    from ami_normalize.mapping.watched import DEFAULT_MAPPING
    from ami_normalize.routes.watched import DEFAULT_ROUTES
    from ami_normalize.stream.breaker import BreakerPolicy
    from ami_normalize.stream.inputs import Inputs
    from ami_normalize.stream.run import run
    from ami_normalize.stream.settings import DEFAULT_GROUP, Settings
    from ami_normalize.workers.supervised import end_with_supervisor
    from ami_schemas import topics

    refuse_stale()
    log = stderr_logger("normalize")
    if supervised is not None:
        log = log.bind(worker=supervised)
    settings = Settings(
        bootstrap=bootstrap_servers(bootstrap),
        group=group or DEFAULT_GROUP,
        keys=keys,
        kek=kek,
        key_overlap_us=key_overlap * 86_400_000_000,
        mappings=tuple(mapping or [DEFAULT_MAPPING]),
        routes=routes or DEFAULT_ROUTES,
        unidentified=unidentified,
        default_zone=default_zone,
        instance_id=instance_id,
        metrics=Address.parse(metrics) if metrics else None,
        patience_s=patience,
        batch=BatchPolicy(records=batch),
        breaker=BreakerPolicy(share=breaker_share, meters=breaker_meters),
    )
    inputs = Inputs(settings, log)  # refuses keys, mappings, routes, zones that cannot be used, before Kafka is asked
    needed = (
        topics.RAW,
        topics.READINGS,
        topics.EVENTS,
        topics.DEAD_LETTERS,
        topics.PARKED,
        topics.LEDGER,
        topics.REGISTRY,
        *inputs.routes.topics,
    )
    check(settings.bootstrap, topics=needed)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if workers > 1:
        supervise(workers, settings, stop, log)
        return
    if supervised is not None:
        end_with_supervisor(stop)
    log.info("normalizing", kafka=settings.bootstrap, group=settings.group, hot_path=compiled.form().value)
    run(settings, stop, LoopLog(log), log)
