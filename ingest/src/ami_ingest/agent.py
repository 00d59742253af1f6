"""The agent: listener and poller in, spool in between, publisher out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Iterator

import structlog

from ami_ingest.config.model import AgentConfig
from ami_ingest.config.watch import Watch
from ami_ingest.control.place import Place
from ami_ingest.control.server import ControlServer
from ami_ingest.descriptors import OpenFiles, raise_limit
from ami_ingest.inside import AgentInside
from ami_ingest.logs import opened, set_level
from ami_ingest.meters.counters import CounterStore
from ami_ingest.push.listener import Listener
from ami_ingest.schedule.scheduler import Scheduler
from ami_ingest.spool.publisher import MakeProducer, Publisher, producer_for
from ami_ingest.spool.spool import Spool
from ami_ingest.transport.call_in import Callers
from ami_ingest.transport.serial_line import line_states
from ami_ingest.transport.tls import server_context
from ami_kafka.observe import endpoint

_STOP_POLL_S = 0.2


def run(config: AgentConfig, stop: threading.Event | None = None, watch: Watch | None = None) -> None:
    """Run the agent until SIGTERM, SIGINT or `stop`; logs to stderr and to the files of `logs.folder`.

    With a `watch` changes of the configuration are taken over, and SIGHUP has it read again.

    Raises IngestError where it cannot start: a port is taken, the spool cannot be opened.
    """
    # The publisher says in one line what the Kafka client would repeat for every broker.
    logging.getLogger("ami_kafka").addHandler(logging.NullHandler())
    with opened(config.logs) as log:
        asyncio.run(_until_stopped(config, stop, watch, log))


async def _until_stopped(
    config: AgentConfig,
    stop: threading.Event | None,
    watch: Watch | None,
    log: structlog.typing.FilteringBoundLogger,
) -> None:
    ended = asyncio.Event()
    with _signals(ended, watch):
        watcher = None if stop is None else asyncio.create_task(_forward(stop, ended))
        try:
            await serve(config, ended, log=log, watch=watch)
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
    watch: Watch | None = None,
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
        max_age_s=config.spool.max_age_s,
        when_full=config.spool.when_full,
        log=log,
    )
    listener = Listener(
        config.listen,
        spool,
        agent=config.agent,
        log=log,
        push=config.push,
        senders=config.meters,
        tls=server_context,
    )
    files = OpenFiles(log)
    scheduler = Scheduler(
        config.meters,
        spool,
        CounterStore(config.state_dir / "counters"),
        agent=config.agent,
        poll=config.poll,
        log=log,
        key_store=config.key_store,
        most_open=files.left(config.most_connections),
    )
    call_in = Callers(
        config.listen, config.meters, spool, scheduler.adopt, agent=config.agent, log=log, push=config.push
    )
    publisher = Publisher(
        spool,
        make_producer or producer_for(config.kafka.bootstrap, compression_type=config.kafka.compression),
        bootstrap=config.kafka.bootstrap,
        log=log,
    )
    inside = AgentInside(
        config,
        spool=spool,
        listener=listener,
        call_in=call_in,
        lines=line_states(),
        scheduler=scheduler,
        publisher=publisher,
        reload=None if watch is None else watch.reload,
    )
    place = Place(config.control_socket, config.control_group)
    control = ControlServer(place, scheduler, inside, log=log)

    def apply(new: AgentConfig) -> None:
        set_level(log, new.logs.level)
        spool.bound(new.spool.max_mb << 20, new.spool.max_age_s, new.spool.when_full)
        scheduler.wrap_by(new.key_store)
        scheduler.apply(new.meters, new.poll)
        call_in.apply(new.meters, new.push)
        listener.apply(new.push, new.meters)
        files.left(new.most_connections)
        inside.apply(new)

    tasks: list[asyncio.Task[None]] = []
    spool.open()
    try:
        with _observed(config, inside, log):
            try:
                await control.start()
                await listener.start()
                await call_in.start()
                publisher.start()
                tasks += [asyncio.create_task(inside.observer.run()), asyncio.create_task(scheduler.run())]
                if watch is not None:
                    tasks.append(asyncio.create_task(watch.run(apply, log)))
                log.info(
                    "collecting",
                    meters=len(config.meters),
                    kafka=config.kafka.bootstrap,
                    spooled=spool.depth[0],
                    open_files=raise_limit(),
                )
                if started is not None:
                    started.set_result(listener)
                await _first(stop, tasks)
            finally:
                log.info("stopping")
                await control.stop()
                for task in reversed(tasks):
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)  # a defect of one is raised already
                await call_in.stop()
                await listener.stop()
                await asyncio.to_thread(publisher.stop)
    finally:
        await asyncio.to_thread(spool.close)
    log.info("stopped", published=publisher.published, spooled=spool.depth[0])


@contextlib.contextmanager
def _observed(config: AgentConfig, inside: AgentInside, log: structlog.typing.FilteringBoundLogger) -> Iterator[None]:
    """Serve metrics and health where the configuration says so. Raises AddressUnusable."""
    if config.observe is None:
        yield
        return
    with endpoint.serve(endpoint.Address.parse(config.observe), inside.observer) as where:
        log.info("metrics and health are served", at=where)
        yield


async def _first(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the stop. The tasks end by themselves only by a defect, which is raised."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        stopping.cancel()


@contextlib.contextmanager
def _signals(ended: asyncio.Event, watch: Watch | None) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into a clean stop and SIGHUP into a reload, where this is the main thread."""
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {signal.SIGTERM: ended.set, signal.SIGINT: ended.set}
    if watch is not None:
        handlers[signal.SIGHUP] = watch.reload
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


async def _forward(stop: threading.Event, ended: asyncio.Event) -> None:
    while not stop.is_set():  # noqa: ASYNC110  it is another thread's event
        await asyncio.sleep(_STOP_POLL_S)
    ended.set()
