"""Derived records that are larger than their topic takes: replaced, so that no batch fails for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ami_kafka.records import Output

HEADER = "ami-oversize"
"""On a record whose value was left out because it is too large: the size it had, in bytes."""

Replace = Callable[[Output, int], Iterable[Output]]
"""Given a record that is too large and the limit in bytes, gives what to write instead."""

_OVERHEAD = 512  # of a record batch that holds one record


def size(output: Output) -> int:
    """Bound the bytes of the batch that holds only this record."""
    _topic, _partition, key, value, headers = output
    octets = _OVERHEAD
    if key is not None:
        octets += len(key)
    if value is not None:
        octets += len(value)
    for name, told in headers:  # a loop is half the price of a sum: this is done for each record written
        octets += len(name) + len(told) + 10
    return octets


def fit(
    outputs: Iterable[Output],
    limit: Callable[[str], int],
    replace: Replace | None,
    notify: Callable[[Output, int, int], None],
) -> Iterator[Output]:
    """Pass on what fits its topic's limit, in order; replace the rest.

    The processor knows best what stands for a record that is too large. Where it has no answer, or one that is too
    large itself, key and headers go out without the value: the headers name the raw record, whose bytes are there.
    """
    limits: dict[str, int] = {}
    for output in outputs:
        topic = output[0]
        allowed = limits.get(topic)
        if allowed is None:
            allowed = limits[topic] = limit(topic)
        needed = size(output)
        if needed <= allowed:
            yield output
            continue
        notify(output, needed, allowed)
        replacements = list(replace(output, allowed)) if replace is not None else [bare(output)]
        for replacement in replacements:
            yield replacement if size(replacement) <= limit(replacement.topic) else bare(replacement)


def bare(output: Output) -> Output:
    """Leave the value out, and say so in a header."""
    length = str(len(output.value or b"")).encode()
    return output._replace(value=None, headers=[*output.headers, (HEADER, length)])
