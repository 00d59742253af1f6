"""How raw records ended, in a few octets each: readings, else events, else parked, else rejected."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from ami_kafka.span import Span
from ami_normalize.replay.source import Source
from ami_schemas import topics

NONE: Final = "none"
_BEST: Final = ("readings", "events")
_REFUSED: Final = {topics.PARKED: "parked", topics.DEAD_LETTERS: "rejected"}
_NAMED: Final = {topics.READINGS: "readings", topics.EVENTS: "events"}


class Outcomes:
    """The outcome of each raw record of some spans. A parked record ends as a marker says that resolves it."""

    def __init__(self, spans: Mapping[int, Span]) -> None:
        """Know of none yet."""
        self._spans = spans
        self._names = [NONE, *_BEST]
        self._codes = {name: code for code, name in enumerate(self._names)}
        self._done = {number: array("H", bytes(2 * span.length)) for number, span in spans.items()}
        self._parked = {number: array("H", bytes(2 * span.length)) for number, span in spans.items()}

    def add(self, topic: str, source: Source, reason: str) -> None:
        """Note a record of a live topic's kind (`topic`); `reason` is that of a refusal."""
        at = source.offset - self._spans[source.partition].start
        if topic == topics.PARKED:
            self._parked[source.partition][at] = self._code(f"{_REFUSED[topic]}:{reason}")
            return
        name = _NAMED.get(topic) or f"{_REFUSED[topic]}:{reason}"
        done = self._done[source.partition]
        if not done[at] or name in _BEST[: max(0, _rank(self._names[done[at]]))]:
            done[at] = self._code(name)

    def resolve(self, source: Source) -> None:
        """Note that what was parked is over."""
        self._parked[source.partition][source.offset - self._spans[source.partition].start] = 0

    def each(self) -> Iterator[str]:
        """Yield the outcome of every raw record, by partition and offset; `none` where nothing is known of it."""
        for number in sorted(self._spans):
            for done, parked in zip(self._done[number], self._parked[number], strict=True):
                name = self._names[done]
                yield self._names[parked] if parked and name not in _BEST else name

    def _code(self, name: str) -> int:
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = len(self._names)
            self._names.append(name)
        return code


def _rank(name: str) -> int:
    """Return the place among the best outcomes, their number for any other."""
    return _BEST.index(name) if name in _BEST else len(_BEST)


def transitions(before: Outcomes, after: Outcomes) -> Counter[tuple[str, str]]:
    """Count the raw records that ended otherwise, by both outcomes; those without any outcome after are left out."""
    return Counter((old, new) for old, new in zip(before.each(), after.each(), strict=True) if new not in (old, NONE))
