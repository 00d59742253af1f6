"""Raw records to plain APDUs, quickly: the usual framing and the usual protection; everything else is Unusual."""

from __future__ import annotations

from typing import Final, NamedTuple

from ami_dlms import apdu, framing
from ami_dlms.apdu import GeneralGloCiphering, ServiceCiphered
from ami_dlms.framing import Framing
from ami_dlms.security import Protection
from ami_dlms.shapes import Seal, unprotect
from ami_normalize.fast.unusual import Unusual
from ami_normalize.meter import TITLE_NAME, MeterFacts, title_of
from ami_normalize.pipeline import Context, RawRecord
from ami_normalize.pipeline.decrypt import GENERAL, SERVICES, Plain, protected_enough
from ami_normalize.pipeline.freshness import TAG_OCTETS, Proof, ledger_key, proof_of
from ami_normalize.recent import Recent
from ami_schemas import headers

_FRAMINGS: Final = {framing.value.encode(): framing for framing in Framing}
_WRAPPER: Final = b"wrapper"
_VERSION: Final = b"\x00\x01"
_HEADER: Final = 8
"""Octets of the wrapper's header."""
_TITLED: Final = b"\xdb\x08"
_CIPHERED: Final = GENERAL | SERVICES
_BEGINS: Final = SERVICES | {0xDB, 0x0F, 0xC4}
"""First octets of what a wrapper may hold to be one APDU whatever else is in it: each says its length, or none does."""
_TELEGRAM: Final = 0x2F
_CLOSED: Final = _CIPHERED | {_TELEGRAM}
"""First octets of what is no plain APDU."""
_MOST_SEALS: Final = 32_768
_TAG: Final = -12
_TAG_SEEN: Final = TAG_OCTETS - 12
_SEALED: Final = Protection.AUTHENTICATED_ENCRYPTED

_new: Final = tuple.__new__
"""Makes a named tuple at half the price of calling its class."""
_MOST_KEPT: Final = 65_536
_YES: Final = b"1"
_INCOMPLETE, _FRAMING = headers.INCOMPLETE, headers.FRAMING


class Opened(NamedTuple):
    """A plain APDU and what is known of its protection."""

    octets: bytes
    title: bytes | None
    protection: Protection
    key_version: str
    sealed: bytes
    """The APDU as it came, with security header and tag."""
    proven: Proof | None = None
    """What its tag proves of its freshness, where a seal opened it: see `Opener.proof`."""


_Known = tuple[bytes, Seal, int, int, str, bytes]
"""A meter with both keys: its title, the seal, when they are in force (see `MeterKeys`), version, the ledger's key.

The title is the one object that stands for it wherever it is looked up afterwards: that is found without being read.
"""


class Opener:
    """Opens records by the keys of one context."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._find = context.keys.find
        self._known: Recent[bytes, _Known] = Recent(_MOST_SEALS)
        self._young = self._known.young
        self._titles: dict[tuple[bytes | None, bytes | None], bytes | None] = {}

    def open(self, record: RawRecord, at_us: int) -> Opened:
        """Take framing and protection off, by the keys in force at an instant.

        Raises Unusual, and what `ami_dlms` raises of received octets.
        """
        octets = self._unframed(record)
        if octets[:2] == _TITLED:
            stated: bytes | None = octets[2:10]
            known = self._young.get(stated)  # type: ignore[arg-type]
            if known is not None:
                title, seal, from_us, until_us, version, key = known
                found = seal.open(octets) if from_us <= at_us < until_us else None
                if found is not None:
                    plain, counter = found
                    if plain and plain[0] not in _CLOSED:
                        proof = _new(
                            Proof, (title, version, int.from_bytes(counter, "big"), octets[_TAG:_TAG_SEEN], key)
                        )
                        return _new(Opened, (plain, title, _SEALED, version, octets, proof))
        elif octets[0] in GENERAL or octets[0] == _TELEGRAM:
            raise Unusual
        else:
            stated = self._title(record)
        return self._opened(octets, stated, at_us)

    def _opened(self, octets: bytes, title: bytes | None, at_us: int) -> Opened:
        """Open an APDU of any protection, or of a meter not met lately."""
        if octets[0] not in _CIPHERED:
            return Opened(octets, title, Protection.NONE, "", octets)
        keys = self._find(title, at_us)
        if keys is None:
            raise Unusual
        opened = unprotect(octets, keys.keys, title)
        plain = opened.plaintext
        if not plain or plain[0] in _CLOSED:
            raise Unusual
        if title is not None and opened.protection is _SEALED and keys.keys.authentication is not None:
            seal = Seal(title, keys.keys.encryption, keys.keys.authentication)
            version = keys.version
            self._known.put(title, (title, seal, keys.from_us, keys.until_us, version, ledger_key(title, version)))
        return Opened(plain, title, opened.protection, keys.version, octets)

    def demand(self, opened: Opened, facts: MeterFacts | None, at_us: int) -> None:
        """See that a message is protected as its meter's must be; raises Refused."""
        registry, title = self._context.registry, opened.title
        plain = Plain(b"", title, opened.protection)
        protected_enough(plain, registry.by_title(title) if title else None, at_us, self._context)
        if facts:
            protected_enough(plain, facts, at_us, self._context)

    def proof(self, opened: Opened) -> Proof | None:
        """Return what a message with a verified tag proves of its freshness, as the generic pipeline finds it."""
        title = opened.title
        if opened.proven is not None or title is None or not opened.protection.authenticated:
            return opened.proven
        ciphered = apdu.decode(opened.sealed)
        if not isinstance(ciphered, (GeneralGloCiphering, ServiceCiphered)):
            raise Unusual
        return proof_of(ciphered, title, opened.key_version)

    def _unframed(self, record: RawRecord) -> bytes:
        """Return the one APDU of a record."""
        told, value = record.headers, record.value
        if told.get(_INCOMPLETE) == _YES:
            raise Unusual
        carrier = told.get(_FRAMING, b"none")
        if carrier == _WRAPPER and value[:2] == _VERSION and int.from_bytes(value[6:8], "big") == len(value) - _HEADER:
            octets = value[_HEADER:]
            if octets and octets[0] in _BEGINS:
                return octets
        found = _FRAMINGS.get(carrier)
        if found is None:
            raise Unusual
        message = framing.unframe(value, found)
        if not message.complete or len(message.apdus) != 1 or message.check_errors:
            raise Unusual
        return message.apdus[0]

    def _title(self, record: RawRecord) -> bytes | None:
        """Return the system title that header or key state."""
        stated = (record.headers.get(headers.SYSTEM_TITLE), record.key)
        try:
            return self._titles[stated]
        except KeyError:
            pass
        header, key = ((part or b"").decode("utf-8", "replace") for part in stated)
        title = title_of(f"{TITLE_NAME}{header}") or title_of(key) or self._context.system_title
        if len(self._titles) >= _MOST_KEPT:
            self._titles.clear()
        self._titles[stated] = title
        return title
