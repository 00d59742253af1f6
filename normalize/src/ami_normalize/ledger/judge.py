"""What a ruling on its counter does to a message: a replay is turned down, a finding becomes an event beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ami_normalize.ledger.window import COUNTERS, Finding, Ruling, Verdict
from ami_normalize.model import Event, Statement
from ami_normalize.pipeline.freshness import Proof
from ami_normalize.pipeline.interpret import Interpreted, Understood
from ami_normalize.pipeline.outcome import Refused
from ami_schemas import headers
from ami_schemas.reasons import Reason

STAGE: Final = "decrypt"
"""It is about the protection of a message, though judged only when the whole of it is understood."""
_PUSH: Final = b"push"
_REASONS: Final = {Verdict.COUNTER_REUSED: Reason.COUNTER_REUSED, Verdict.STALE_COUNTER: Reason.STALE_COUNTER}
_SENTENCES: Final = {
    Reason.COUNTER_REUSED: "another message of {0} with counter {1} was accepted before",
    Reason.STALE_COUNTER: "counter {1} of {0} lies below the window, which ends at {2}",
}
_FINDINGS: Final = {
    Finding.RESET: "the invocation counter is {0} after {1}, under the same key and with a right tag",
    Finding.EXHAUSTION: "the invocation counter is {0}: {2} are left under this key, change it",
}

Rule = Callable[[Proof], Ruling]
"""Gives the ruling on a proof of freshness, once each."""


def judged(interpreted: Interpreted, rule: Rule) -> Interpreted:
    """Return what is left of a record by the rulings on its parts. Only a push is judged."""
    if interpreted.origin.record.headers.get(headers.EXCHANGE, _PUSH) != _PUSH:
        return interpreted
    parts = tuple(judged for part in interpreted.parts for judged in _judged(part, rule))
    return Interpreted(interpreted.origin, parts)


def _judged(part: Understood | Refused, rule: Rule) -> Iterator[Understood | Refused]:
    proof = part.plain.proof if isinstance(part, Understood) else None
    if isinstance(part, Refused) or proof is None:
        yield part
        return
    ruling = rule(proof)
    if ruling.finding is not None:
        text = _FINDINGS[ruling.finding].format(proof.counter, ruling.highest, COUNTERS - 1 - proof.counter)
        event = Event(kind=ruling.finding.value, at=part.statement.meter_time, code=proof.counter, text=text)
        yield Understood(part.plain, Statement(events=(event,)), part.meter)
    reason = _REASONS.get(ruling.verdict)
    if reason is None:
        yield part
    else:
        sentence = _SENTENCES[reason].format(proof.system_title.hex(), proof.counter, ruling.highest)
        yield Refused(reason, STAGE, sentence)
