"""Run the app in the foreground until asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
from typing import Final

from aiokafka.errors import KafkaError
from structlog.typing import FilteringBoundLogger

from ami_kafka.check import metadata
from ami_kafka.errors import KafkaUnavailable, TopicDiffers, TopicMissing
from ami_normalize.watch.app import WATCHED, Watch, make_app
from ami_normalize.watch.settings import Settings
from ami_schemas import topics

_LOOK_EVERY_S: Final = 5.0


def run(settings: Settings, log: FilteringBoundLogger) -> None:
    """Watch until SIGTERM or SIGINT. Raises the errors of ami_kafka, and what ended the app."""
    partitions = _partitions(settings.bootstrap)
    _hear(log)
    with tempfile.TemporaryDirectory(prefix="ami-watch-") as data:
        asyncio.run(_run(settings, partitions, data, log))


def _partitions(bootstrap: str) -> int:
    """Return the count that all our topics have; raise KafkaUnavailable, TopicMissing or TopicDiffers."""
    wanted = (*WATCHED, topics.WATCH)
    there = {name: len(topic.partitions) for name, topic in metadata(bootstrap).topics.items() if topic.error is None}
    missing = [name for name in wanted if name not in there]
    if missing:
        raise TopicMissing.named(*missing)
    counts = {there[name] for name in wanted}
    if len(counts) > 1:
        told = ", ".join(f"{name} has {there[name]}" for name in wanted)
        raise TopicDiffers(f"partition counts differ: {told}", "`ami topics apply` says what is declared")
    return counts.pop()


async def _run(settings: Settings, partitions: int, data: str, log: FilteringBoundLogger) -> None:
    app = make_app(settings, partitions, data)
    watch = Watch(app, settings, log)
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    starting = asyncio.ensure_future(app.start())
    ended = [asyncio.ensure_future(asked.wait()), asyncio.ensure_future(app.wait_until_stopped()), starting]
    trouble = None
    try:
        while trouble is None:
            done, _ = await asyncio.wait(ended[:2], timeout=_LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            if done:
                break
            trouble = watch.trouble()
        if asked.is_set() and app.started and starting.done():
            await watch.finish()
        elif not asked.is_set() and trouble is None:
            await asyncio.wait([starting])
    finally:
        await app.stop()
        for each in ended:
            each.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
    reason = app.crash_reason
    if trouble is not None:
        raise KafkaUnavailable.at(settings.bootstrap, trouble)
    if reason is None:
        log.info("ended")
    elif isinstance(reason, KafkaError):
        raise KafkaUnavailable.at(settings.bootstrap, f"{reason}")
    else:
        raise reason


class _Handler(logging.Handler):
    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        tell = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        tell(record.getMessage(), logger=record.name, exc_info=record.exc_info or None)


def _hear(log: FilteringBoundLogger) -> None:
    """Take over what Faust and the client library have to say, from warnings upwards."""
    handler = _Handler(log)
    for name in ("faust", "mode", "aiokafka"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
