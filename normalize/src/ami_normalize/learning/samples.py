"""What waits for a mapping, opened: the lists of values without codes that parked records hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag
from ami_normalize.instants import Instant, from_octets
from ami_normalize.learning.fingerprint import fingerprint
from ami_normalize.mapping.dialect import flag_of
from ami_normalize.pipeline import Context, RawRecord, Refused
from ami_normalize.pipeline.decode import Said, decode
from ami_normalize.pipeline.decrypt import decrypt
from ami_normalize.pipeline.identify import identify
from ami_normalize.pipeline.interpret import objects_of
from ami_normalize.pipeline.unframe import unframe
from ami_schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Sample:
    """One message whose layout no mapping knows."""

    body: Data
    tagged_time: bool
    stated: Instant | None
    """The time in the head of the notification."""
    received: float | None
    """Seconds since 1970."""
    title: bytes
    """The system title, empty where unknown."""
    key: str
    """Of the raw record."""

    @property
    def maker(self) -> str:
        """The FLAG id of the system title, or empty."""
        return flag_of(self.title)

    @property
    def items(self) -> tuple[Data, ...] | None:
        """The values of the list; None for a body that is none."""
        if self.body.tag in {Tag.ARRAY, Tag.STRUCTURE}:
            found: tuple[Data, ...] = self.body.value
            return found
        return tuple(self.body.value.items) if self.body.tag == Tag.COMPACT_ARRAY else None

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its layout."""
        return fingerprint(self.body)


def samples(records: Iterable[RawRecord], context: Context) -> Iterator[Sample]:
    """Yield the bodies that no mapping of the context explains; what ends otherwise is passed over."""
    for record in records:
        try:
            origin = identify(record, context)
            decoded = decode(decrypt(unframe(origin, context), context), context)
        except Refused:
            continue
        for said in decoded.parts:
            if not (isinstance(said, Said) and isinstance(said.content, DataNotification)):
                continue
            try:
                objects_of(said, said.content, origin, context)
            except Refused as refused:
                if refused.reason is Reason.MAPPING_MISSING:
                    yield Sample(
                        said.content.body,
                        said.content.tagged_date_time,
                        from_octets(said.content.date_time),
                        origin.received.timestamp() if origin.received else None,
                        said.plain.system_title or b"",
                        origin.key,
                    )
