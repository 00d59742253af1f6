"""The agent: listener and poller in, spool in between, publisher out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Iterator

import structlog

from ami_ingest.config.model import AgentConfig, Meter
from ami_ingest.descriptors import raise_limit
from ami_ingest.logs import logger
from ami_ingest.meters.counters import CounterStore
from ami_ingest.push.listener import Listener
from ami_ingest.schedule.scheduler import Scheduler
from ami_ingest.spool.publisher import MakeProducer, Publisher, producer_for
from ami_ingest.spool.spool import Spool
from ami_ingest.transport.call_in import Callers

_STOP_POLL_S = 0.2
_FILES_OF_OURS = 200
"""Files and sockets that are neither meters' nor pushes': the spool, Kafka's brokers, logs, connections being made."""


def run(config: AgentConfig, stop: threading.Event | None = None) -> None:
    """Run the agent until SIGTERM, SIGINT or `stop`; logs to stderr.

    Raises IngestError where it cannot start: a port is taken, the spool cannot be opened.
    """
    # The publisher says in one line what the Kafka client would repeat for every broker.
    logging.getLogger("ami_kafka").addHandler(logging.NullHandler())
    asyncio.run(_until_stopped(config, stop))


async def _until_stopped(config: AgentConfig, stop: threading.Event | None) -> None:
    ended = asyncio.Event()
    with _signals(ended):
        watcher = None if stop is None else asyncio.create_task(_forward(stop, ended))
        try:
            await serve(config, ended, log=logger())
        finally:
            if watcher is not None:
                watcher.cancel()


async def serve(
    config: AgentConfig,
    stop: asyncio.Event,
    *,
    log: structlog.typing.FilteringBoundLogger,
    make_producer: MakeProducer | None = None,
    started: asyncio.Future[Listener] | None = None,
) -> None:
    """Run the agent until `stop` is set.

    Everything opens before anything is taken, and closes in the order of the flow: first what receives, then the
    spool settles, then Kafka gets a grace for the rest. `started` receives the listener once its sockets are open.
    """
    log = log.bind(agent=config.agent)
    spool = Spool(
        config.state_dir / "spool.sqlite",
        config.agent,
        max_bytes=config.spool.max_mb << 20,
        log=log,
    )
    listener = Listener(
        config.listen,
        spool,
        agent=config.agent,
        log=log,
        idle_timeout_s=config.push.idle_timeout_s,
        max_connections=config.push.max_connections,
        max_connections_per_peer=config.push.max_connections_per_peer,
        senders=_senders(config.meters),
    )
    files = raise_limit()
    scheduler = Scheduler(
        config.meters,
        spool,
        CounterStore(config.state_dir / "counters"),
        agent=config.agent,
        poll=config.poll,
        log=log,
        most_open=max(1, files - config.push.max_connections - _FILES_OF_OURS),
    )
    call_in = Callers(
        config.listen, config.meters, spool, scheduler.adopt, agent=config.agent, log=log, push=config.push
    )
    publisher = Publisher(
        spool,
        make_producer or producer_for(config.kafka.bootstrap),
        bootstrap=config.kafka.bootstrap,
        log=log,
    )
    spool.open()
    try:
        await listener.start()
        await call_in.start()
        publisher.start()
        polling = asyncio.create_task(scheduler.run())
        log.info(
            "collecting",
            meters=len(config.meters),
            kafka=config.kafka.bootstrap,
            spooled=spool.depth[0],
            open_files=files,
        )
        if started is not None:
            started.set_result(listener)
        try:
            await _first(stop, polling)
        finally:
            log.info("stopping")
            polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await polling
            await call_in.stop()
            await listener.stop()
            await asyncio.to_thread(publisher.stop)
    finally:
        await asyncio.to_thread(spool.close)
    log.info("stopped", published=publisher.published, spooled=spool.depth[0])


async def _first(stop: asyncio.Event, polling: asyncio.Task[None]) -> None:
    """Wait for the stop. Polling ends by itself only by a defect, which is raised."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, polling}, return_when=asyncio.FIRST_COMPLETED)
        if polling in done:
            polling.result()
            await stopping
    finally:
        stopping.cancel()


def _senders(meters: tuple[Meter, ...]) -> dict[str, Meter]:
    """Meters known by the address they push from."""
    return {meter.push_from: meter for meter in meters if meter.push_from is not None}


@contextlib.contextmanager
def _signals(ended: asyncio.Event) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into a clean stop, where this is the main thread."""
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _forward(stop: threading.Event, ended: asyncio.Event) -> None:
    while not stop.is_set():  # noqa: ASYNC110  it is another thread's event
        await asyncio.sleep(_STOP_POLL_S)
    ended.set()
