"""The fast path itself: a record by the plan of its shape, or else by the generic pipeline."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Union

from ami_dlms.errors import DlmsError
from ami_dlms.security import Protection
from ami_dlms.shapes import Shapes, Template
from ami_normalize import plausibility
from ami_normalize.fast.exchanges import NOTHING, Exchanges
from ami_normalize.fast.layout import Pool
from ami_normalize.fast.message import Layout, Seen, see
from ami_normalize.fast.opened import Opened, Opener
from ami_normalize.fast.plan import Plan
from ami_normalize.fast.plans import Ended, Found, Plans, TemplatePlans, interpreted
from ami_normalize.fast.provenance import Provenance
from ami_normalize.fast.received import Received
from ami_normalize.fast.unusual import Unusual
from ami_normalize.fast.who import PUSHED, Who, Whose
from ami_normalize.keys import LATEST
from ami_normalize.ledger import ACCEPTED, RETRANSMISSION, Rule, Ruling, judged
from ami_normalize.pipeline import Context, Interpreted, Outcomes, RawRecord, ReadingsOutcome, Refused, normalize
from ami_normalize.pipeline.identify import identify
from ami_normalize.pipeline.split import MOST_OCTETS
from ami_schemas import headers

_MOST_LAYOUTS = 64
"""Of one plan: where values decide more, its messages go by the generic pipeline."""
_POLL, _PUSH = b"poll", b"push"
_CE_TIME, _EXCHANGE, _CONTEXT = headers.CE_TIME, headers.EXCHANGE, headers.CONTEXT
_new: Final = tuple.__new__
_SEALED = Protection.AUTHENTICATED_ENCRYPTED
"""Enough for every meter."""


_Message = tuple[RawRecord, Opened, Pool, Union[int, None], Who, Plan]
"""A message, as far as it is understood: also its values, and when it was received."""


class Normalizer:
    """Normalizes records by what is in force in one context. For one thread."""

    def __init__(self, context: Context, shapes: Shapes | None = None) -> None:
        """Normalize by `context`; `shapes` may be those of a predecessor, whose plans are made anew."""
        self.shapes = shapes or Shapes()
        self.quick = 0
        """Records that went by a plan so far."""
        self.generic = 0
        """Records that took the generic pipeline so far."""
        self.failed = 0
        """Records so far at which the fast path itself failed, and which the generic pipeline did."""
        self.disproved = 0
        """Layouts so far that did not give what the generic pipeline gives, and were not used."""
        self._ruling: Ruling | None = None
        self.context: Final = context
        self._opener = Opener(context)
        self._plans = Plans(context)
        self._whose = Whose(context)
        self._received = Received()
        self._exchanges = Exchanges()
        self._provenance = Provenance(context)

    def normalize(self, record: RawRecord, rule: Rule | None = None) -> Outcomes:
        """Return how a record ends: equal to `ami_normalize.pipeline.normalize(record, context, judge)`.

        `rule` rules on the freshness of pushes, once each (`ami_normalize.ledger`); `judge` turns down what it does.
        """
        self._ruling = None
        try:
            outcomes = self._planned(record, rule)
        except (Unusual, Refused, DlmsError, struct.error):
            self.generic += 1
            return normalize(record, self.context, self._judge(rule))
        except (OSError, MemoryError):
            raise
        except Exception:  # noqa: BLE001  a defect here must not stop what the generic pipeline can do
            self.failed += 1
            return normalize(record, self.context, self._judge(rule))
        self.quick += 1
        return outcomes

    def renewed(self, context: Context) -> Normalizer:
        """Return a normalizer for another context that knows what this one learnt, as far as that still holds."""
        after = Normalizer(context, self.shapes)
        before = self.context
        if (context.dialects, context.default_zone) == (before.dialects, before.default_zone):
            after._plans = self._plans.renewed(context)
        return after

    def _judge(self, rule: Rule | None) -> Callable[[Interpreted], Interpreted] | None:
        """Return what judges in the generic pipeline; a ruling already given stands."""
        ruling = self._ruling
        if rule is None:
            return None
        given = rule if ruling is None else lambda _: ruling
        return lambda interpreted: judged(interpreted, given)

    def _planned(self, record: RawRecord, rule: Rule | None) -> Outcomes:
        told = record.headers
        received = self._received.micros(told.get(_CE_TIME), record.timestamp_ms)
        at_us = LATEST if received is None else received
        opened = self._opener.open(record, at_us)
        template, values = self.shapes.read(opened.octets) or self._shape(opened.octets)
        exchange, context = told.get(_EXCHANGE, _PUSH), told.get(_CONTEXT)
        asked = NOTHING if context is None else self._exchanges.of(context)
        plans: TemplatePlans | None = template.plan
        if plans is None or plans.owner is not self._plans:
            plans = self._plans.of(template, values)
        title = opened.title
        pushed = context is None and exchange != _POLL
        met = plans.met.get(title) if pushed and title is not None else None
        if met is not None and met.whose is self._whose and plans.meets(met, values):
            plan: Found = met.plan
            who = met.who
            if opened.protection is not _SEALED:
                self._opener.demand(opened, who.facts, at_us)
        else:
            key = plans.key(title, asked, values)
            plan = plans.found.get(key) or plans.learn(key, record, opened, values, registered=False)
            named = plan if type(plan) is Plan and plan.identities else None
            answers = PUSHED if pushed else (exchange == _POLL, asked.logical_device_name)
            who = self._whose.of(title, answers, record, named, values)
            if opened.protection is not _SEALED:
                self._opener.demand(opened, who.facts, at_us)
            if who.kind is not None:
                key = (who.kind, *key)
                plan = plans.found.get(key) or plans.learn(key, record, opened, values, registered=True)
            if pushed and who.titled and title is not None and isinstance(plan, (Plan, Ended)):
                plans.meet(title, values, self._whose, plan, who)
        if type(plan) is not Plan:
            if isinstance(plan, Ended):
                return plan.outcomes
            raise Unusual
        if who.refused:
            return who.refused
        seen = see(plan, values, received, who.bounds)
        message = (record, opened, values, received, who, plan)
        sort = seen[0]
        layout = plan.layouts.get(sort)
        if layout is None:
            if sort in plan.layouts:
                raise Unusual
            layout = self._learn(message, seen, plans)
        if rule is not None and exchange == _PUSH:
            proof = opened.proven or self._opener.proof(opened)
            if proof is not None:
                self._ruling = ruling = rule(proof)
                if ruling is not ACCEPTED and ruling is not RETRANSMISSION:
                    raise Unusual
        return (_new(ReadingsOutcome, (who.meter_id, (self._write(message, seen, layout),))),)

    def _shape(self, octets: bytes) -> tuple[Template, Pool]:
        """Return template and values of a shape not met of late."""
        template, values, _ = self.shapes.decode(octets)
        if template is None:
            raise Unusual
        return template, values

    def _write(self, message: _Message, seen: Seen, layout: Layout) -> bytes:
        """Return the serialized MeterReadings."""
        record, opened, values, received, who, plan = message
        out = [who.message]
        layout.write(out, seen, received, values)
        digest = sha256(record.value).digest()
        self._provenance.write(out, record, digest, opened, plan.dialect)
        octets = b"".join(out)
        if len(octets) > MOST_OCTETS:
            raise Unusual
        return octets

    def _learn(self, message: _Message, seen: Seen, plans: TemplatePlans) -> Layout:
        """Make the layout of a message, and hold what it gives against what the generic pipeline gives."""
        record, opened, values, received, who, plan = message
        if len(plan.layouts) >= _MOST_LAYOUTS:
            raise Unusual
        plan.layouts[seen[0]] = None  # until it is proven
        context = self.context
        _, statement = interpreted(plans.template.rebuild(values), record, opened, context)
        statement = plausibility.marked(statement, identify(record, context).received, who.bounds)
        layout = Layout(plan, seen, statement, received, plans.values)
        expected = normalize(record, context)
        if (ReadingsOutcome(who.meter_id, (self._write(message, seen, layout),)),) != expected:
            self.disproved += 1
            raise Unusual
        plan.layouts[seen[0]] = layout
        return layout
