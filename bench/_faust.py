"""The same decode as a Faust pipeline, as its manual shows one: an agent, a record at a time, exactly once.

python -m bench._faust BOOTSTRAP TOPIC KEYS RECORDS
"""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

import faust
from faust.types import StreamT

from ami_normalize.fast import Normalizer
from ami_normalize.keys import KeyRing
from ami_normalize.pipeline import Context, RawRecord, ReadingsOutcome
from ami_schemas import headers, topics
from bench.normalize import judge

GROUP = "bench-faust"


def main() -> None:
    """Decode until asked to stop."""
    bootstrap, target, keys, records = sys.argv[1:]
    with tempfile.TemporaryDirectory() as data:
        asyncio.run(_run(bootstrap, target, Path(keys), int(records), data))


async def _run(bootstrap: str, target: str, keys: Path, records: int, data: str) -> None:
    app = faust.App(
        GROUP,
        processing_guarantee="exactly_once",
        broker=f"kafka://{bootstrap}",
        autodiscover=False,
        datadir=data,
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=12,
        consumer_auto_offset_reset="earliest",
        broker_max_poll_records=records,
        stream_wait_empty=False,
        producer_compression_type="zstd",
        producer_linger=0.005,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    raw = app.topic(topics.RAW, key_type=bytes, value_type=bytes)
    readings = app.topic(target, key_type=bytes, value_type=bytes)
    normalizer, rule = Normalizer(Context(keys=KeyRing.from_file(keys))), judge()

    @app.agent(raw)
    async def decode(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            message = event.message
            told = dict(message.headers)
            at = int((message.timestamp or 0.0) * 1000)
            record = RawRecord(message.topic, message.partition, message.offset, message.key, message.value, told, at)
            for outcome in normalizer.normalize(record, rule):
                if not isinstance(outcome, ReadingsOutcome):
                    continue
                for derived in outcome.messages:
                    await readings.send(
                        key=outcome.meter_id.encode(),
                        value=derived,
                        partition=message.partition,
                        headers=[(headers.SOURCE, record.source.encode())],
                    )

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    starting = asyncio.ensure_future(app.start())
    await stop.wait()
    await app.stop()
    starting.cancel()


if __name__ == "__main__":
    main()
