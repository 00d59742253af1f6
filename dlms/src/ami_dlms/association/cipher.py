"""The security of one association: protects what this side sends, opens and judges what the other side sends."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ami_dlms.apdu import (
    AgreedKey,
    Ciphered,
    GeneralCiphering,
    GeneralGloCiphering,
    GeneralHeader,
    ServiceCiphered,
    WrappedKey,
)
from ami_dlms.apdu.ciphered import UNDER_DEDICATED_KEY
from ami_dlms.errors import ApduMalformed, LimitExceeded, ReceivedError
from ami_dlms.security import CounterProvider, Form, Keys, Protection, identified, protect, protect_general, unprotect

CIPHERED = (GeneralGloCiphering, GeneralCiphering, ServiceCiphered)
"""The classes of Ciphered, for isinstance."""


BROADCAST = 0x40
"""Bit of the security control."""
MAX_KEYS = 1024
"""Keys of which an association remembers the counter; a peer that agrees more must associate anew."""


class CounterStale(ReceivedError):
    """The invocation counter is not above the last one: the APDU was sent before, or is forged."""

    reason: ClassVar[str] = "STALE_COUNTER"

    def __init__(self, received: int, expected: int) -> None:
        super().__init__(f"The invocation counter {received} was used before; at least {expected} is expected.")
        self.expected = expected


class ProtectionTooLow(ReceivedError):
    """The APDU is less protected than was agreed."""

    reason: ClassVar[str] = "DOWNGRADED"


class Cipher:
    """Ciphering of one association. Received counters must rise from APDU to APDU, for each key on its own."""

    def __init__(
        self,
        keys: Keys,
        system_title: bytes,
        counter: CounterProvider,
        *,
        suite: int = 0,
        protection: Protection = Protection.AUTHENTICATED_ENCRYPTED,
        peer_title: bytes | None = None,
    ) -> None:
        """`protection` is what is sent, and the least that is accepted."""
        self.keys, self.system_title, self.suite = keys, system_title, suite
        self.peer_title = peer_title
        self.protection = protection
        self.form = Form.GLO
        self.transaction_id = b""
        """Of the general-ciphering APDUs sent, an answer's as its request's; empty: each has a new one."""
        self._floors: dict[bytes, int] = {}
        self._counter = counter

    def next_counter(self) -> int:
        """Take an invocation counter."""
        return self._counter.next()

    def dedicate(self, key: bytes) -> None:
        """Take a dedicated key for the rest of the association.

        Our counter goes on under it: it stays one that was never used with this key.
        """
        self.keys = replace(self.keys, dedicated=key)

    def protect(self, apdu: bytes, protection: Protection | None = None, *, form: Form | None = None) -> bytes:
        """Return the ciphered APDU."""
        counter, protection, form = self.next_counter(), protection or self.protection, form or self.form
        if form is not Form.GENERAL_CIPHERING:
            return protect(
                apdu,
                keys=self.keys,
                system_title=self.system_title,
                invocation_counter=counter,
                protection=protection,
                suite=self.suite,
                form=form,
            )
        transaction = self.transaction_id or counter.to_bytes(8, "big")
        header = GeneralHeader(transaction, self.system_title, self.peer_title or b"")
        return protect_general(
            apdu,
            session=identified(self.keys, header),
            keys=self.keys,
            header=header,
            invocation_counter=counter,
            protection=protection,
            suite=self.suite,
        )

    def answer_to(self, request: Ciphered, apdu: bytes, protection: Protection) -> bytes:
        """Return a ciphered answer, in the form of its request."""
        if isinstance(request, GeneralCiphering):
            self.transaction_id = request.header.transaction_id
        return self.protect(apdu, protection, form=form_of(request))

    def open(self, apdu: Ciphered) -> tuple[bytes, Protection]:
        """Return the plain APDU and how it was protected; raises ReceivedError or NeedKey."""
        title = b"" if isinstance(apdu, ServiceCiphered) else apdu.system_title
        if title and self.peer_title and title != self.peer_title:
            raise ApduMalformed("The APDU states another system title than its sender's.")
        if isinstance(apdu, GeneralCiphering) and apdu.header.recipient_system_title not in (b"", self.system_title):
            raise ApduMalformed("The APDU is for another recipient.")
        opened = unprotect(apdu, self.keys, self.peer_title)
        if not covers(opened.protection, self.protection):
            raise ProtectionTooLow(
                f"The APDU is protected as {opened.protection.value}, agreed is {self.protection.value}."
            )
        self._rise(_name_of_key(apdu), apdu.invocation_counter)
        return opened.plaintext, opened.protection

    def _rise(self, key: bytes, counter: int) -> None:
        floor = self._floors.get(key, 0)
        if counter < floor:
            raise CounterStale(counter, floor)
        if key not in self._floors and len(self._floors) >= MAX_KEYS:
            raise LimitExceeded(f"More than {MAX_KEYS} keys were used in one association.")
        self._floors[key] = counter + 1


def form_of(apdu: Ciphered) -> Form:
    """Return the form of a ciphered APDU, in which its answer is to come."""
    if isinstance(apdu, GeneralCiphering):
        return Form.GENERAL_CIPHERING
    dedicated = apdu.tag in UNDER_DEDICATED_KEY
    if isinstance(apdu, ServiceCiphered):
        return Form.DED if dedicated else Form.GLO
    return Form.GENERAL_DED if dedicated else Form.GENERAL_GLO


def _name_of_key(apdu: Ciphered) -> bytes:
    """Return what tells the APDU's key from others, without what a stranger could change and keep the key."""
    if isinstance(apdu, GeneralCiphering):
        info = apdu.key_info
        if isinstance(info, WrappedKey):
            return b"wrapped" + info.wrapped
        if isinstance(info, AgreedKey):  # an ephemeral key without its signature, and what enters the static scheme
            ephemeral = info.ciphered_data[: len(info.ciphered_data) // 2]
            return b"agreed" + (ephemeral or apdu.header.transaction_id)
        return b"broadcast" if info is not None and info.key_id else b"unicast"
    if apdu.tag in UNDER_DEDICATED_KEY:
        return b"dedicated"
    return b"broadcast" if apdu.security_control & BROADCAST else b"unicast"


def covers(actual: Protection, least: Protection) -> bool:
    """Tell whether `actual` is as much protection as `least`."""
    return actual.authenticated >= least.authenticated and actual.encrypted >= least.encrypted
