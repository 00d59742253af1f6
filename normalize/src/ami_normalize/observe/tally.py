"""How a batch ended, counted in one pass, and passed on once it is committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from ami_kafka.loop import Output, RawMessage
from ami_schemas import headers, topics

MOST_MAKERS: Final = 64
"""Makers that are told apart; whoever comes later is `other`."""

_UNKNOWN: Final = "unknown"
_TITLE: Final = b"st-"
_MAKER: Final = slice(3, 9)
_REFUSED: Final = {topics.DEAD_LETTERS: "rejected", topics.PARKED: "parked"}
_key = itemgetter(RawMessage._fields.index("key"))
_topic = itemgetter(Output._fields.index("topic"))
_prefix = itemgetter(slice(9))


class Ended(NamedTuple):
    """How raw records ended."""

    records: Counter[str]
    """By maker."""
    outputs: Counter[str]
    """Derived records by topic."""
    refused: Counter[tuple[str, str, str]]
    """By outcome, reason and maker."""


class Tally:
    """Counts batches; tells of those that were committed."""

    def __init__(self, tell: Callable[[Ended], None]) -> None:
        """Pass on to `tell`."""
        self._tell = tell
        self._makers: dict[bytes, str] = {}
        self._pending: list[Ended] = []

    def take(self, batch: Sequence[RawMessage], outputs: Sequence[Output]) -> None:
        """Count a batch, provisionally."""
        produced = Counter(map(_topic, outputs))
        refused = Counter() if _REFUSED.keys().isdisjoint(produced) else self._refused(outputs)
        self._pending.append(Ended(self._by_maker([*map(_key, batch)]), produced, refused))

    def committed(self) -> None:
        """Tell what was counted."""
        for ended in self._pending:
            self._tell(ended)
        self._pending.clear()

    def aborted(self) -> None:
        """Forget what was counted: it comes again."""
        self._pending.clear()

    def _by_maker(self, keys: Sequence[bytes | None]) -> Counter[str]:
        made: Counter[str] = Counter()
        named = Counter(map(_prefix, filter(None, keys)))
        for prefix, count in named.items():
            made[self._maker(prefix)] += count
        if len(keys) > named.total():
            made[_UNKNOWN] += len(keys) - named.total()
        return made

    def _refused(self, outputs: Iterable[Output]) -> Counter[tuple[str, str, str]]:
        found: Counter[tuple[str, str, str]] = Counter()
        for output in outputs:
            outcome = _REFUSED.get(output.topic)
            if outcome is not None and output.value is not None:
                reason = dict(output.headers).get(headers.DLQ_REASON, b"").decode()
                found[outcome, reason, self._maker((output.key or b"")[:9])] += 1
        return found

    def _maker(self, prefix: bytes) -> str:
        """Return the three letters (FLAG) that a system title begins with, `unknown` where a key is none.

        A key is what anybody can send: so only so many are told apart.
        """
        known = self._makers.get(prefix)
        if known is not None:
            return known
        maker = _letters(prefix)
        if maker == _UNKNOWN:
            return maker
        if len(self._makers) >= MOST_MAKERS:
            return "other"
        self._makers[prefix] = maker
        return maker


def maker_of(key: bytes | None) -> str:
    """Return the three letters (FLAG) that the system title in a raw record's key begins with, else `unknown`."""
    return _letters((key or b"")[:9])


def _letters(prefix: bytes) -> str:
    if not prefix.startswith(_TITLE):
        return _UNKNOWN
    try:
        letters = bytes.fromhex(prefix[_MAKER].decode("ascii")).decode("ascii")
    except ValueError:
        return _UNKNOWN
    return letters.upper() if len(letters) == 3 and letters.isalpha() else _UNKNOWN
