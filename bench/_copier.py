"""A loop that copies key, value and all headers of raw records, and nothing else: what the library and broker allow.

python -m bench._copier BOOTSTRAP TOPIC RECORDS
"""

import signal
import sys
import threading
from collections.abc import Iterable, Sequence

from ami_kafka.loop import BatchPolicy, Output, RawMessage, TransactionalLoop
from ami_kafka.processor import Stateless
from ami_schemas import topics


def main() -> None:
    """Copy until asked to stop."""
    bootstrap, target, records = sys.argv[1:]

    def copy(batch: Sequence[RawMessage]) -> Iterable[Output]:
        return [
            Output(target, message.partition, message.key, message.value, list(message.headers)) for message in batch
        ]

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    TransactionalLoop(
        bootstrap=bootstrap,
        group="bench-copier",
        source=topics.RAW,
        ledger=topics.LEDGER,
        processor=Stateless(copy),
        batch=BatchPolicy(records=int(records)),
    ).run(stop)


if __name__ == "__main__":
    main()
