"""How the meters of a batch fared, as the circuit breaker wants to know it: whose messages could not be opened."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from ami_kafka.loop import Output, RawMessage
from ami_normalize.stream.breaker import DECRYPT_FAILURES
from ami_schemas import headers, topics

_FAILURES: Final = frozenset(reason.value.encode() for reason in DECRYPT_FAILURES)
_REFUSED: Final = frozenset({topics.DEAD_LETTERS, topics.PARKED})


def fared(batch: Sequence[RawMessage], outputs: Iterable[Output]) -> dict[bytes, bool]:
    """Return, by the key of the raw record, True for meters that failed, False for those whose messages were read.

    Whose messages were refused for other reasons only says nothing about keys, and is left out. Whose messages were
    read beside those that failed has the right keys: somebody else speaks in its name, or a line is bad.
    """
    read = dict.fromkeys([message.key for message in batch if message.key is not None], False)
    refused: defaultdict[bytes, set[bytes]] = defaultdict(set)
    failed: set[bytes] = set()
    for output in outputs:
        if output.topic in _REFUSED and output.key is not None:
            told = dict(output.headers)
            refused[output.key].add(told[headers.SOURCE].partition(b"#")[0])
            if output.topic == topics.DEAD_LETTERS and told[headers.DLQ_REASON] in _FAILURES:
                failed.add(output.key)
    if refused:
        sent = Counter(message.key for message in batch)
        for key, sources in refused.items():
            if len(sources) < sent[key]:
                continue
            if key in failed:
                read[key] = True
            else:
                del read[key]
    return read
