"""How the meters of a batch fared, as the circuit breaker wants to know it: whose messages could not be opened."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from ami_kafka.loop import Output, RawMessage
from ami_normalize.stream.breaker import DECRYPT_FAILURES
from ami_schemas import headers, topics

_FAILURES: Final = frozenset(reason.value.encode() for reason in DECRYPT_FAILURES)
_REFUSED: Final = frozenset({topics.DEAD_LETTERS, topics.PARKED})
_key = itemgetter(RawMessage._fields.index("key"))
_topic = itemgetter(Output._fields.index("topic"))


def fared(batch: Sequence[RawMessage], outputs: Sequence[Output]) -> dict[bytes, bool]:
    """Return, by the key of the raw record, True for meters that failed, False for those whose messages were read.

    Whose messages were refused for other reasons only says nothing about keys, and is left out. Whose messages were
    read beside those that failed has the right keys: somebody else speaks in its name, or a line is bad.
    """
    read = dict.fromkeys(map(_key, batch), False)
    read.pop(None, None)
    if _REFUSED.isdisjoint(map(_topic, outputs)):
        return read  # the usual case, without a look at any record
    refused: defaultdict[bytes, set[bytes]] = defaultdict(set)
    failed: set[bytes] = set()
    for output in outputs:
        if output.topic in _REFUSED and output.key is not None:
            told = dict(output.headers)
            refused[output.key].add(told[headers.SOURCE].partition(b"#")[0])
            if output.topic == topics.DEAD_LETTERS and told[headers.DLQ_REASON] in _FAILURES:
                failed.add(output.key)
    sent = Counter(map(_key, batch))
    for key, sources in refused.items():
        if len(sources) < sent[key]:
            continue
        if key in failed:
            read[key] = True
        else:
            del read[key]
    return read
