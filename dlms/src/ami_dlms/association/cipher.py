"""The security of one association: protects what this side sends, opens and judges what the other side sends."""

from __future__ import annotations

from typing import ClassVar, Union

from ami_dlms.apdu import GeneralGloCiphering, ServiceCiphered
from ami_dlms.errors import ReceivedError
from ami_dlms.security import CounterProvider, Form, Keys, Protection, protect, unprotect

Ciphered = Union[GeneralGloCiphering, ServiceCiphered]


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
    """Global unicast ciphering of one association. Received counters must rise from APDU to APDU."""

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
        self.floor = 0
        """The lowest counter that is accepted next."""
        self._counter = counter

    def next_counter(self) -> int:
        """Take an invocation counter."""
        return self._counter.next()

    def protect(self, apdu: bytes, protection: Protection | None = None) -> bytes:
        """Return the ciphered APDU."""
        return protect(
            apdu,
            keys=self.keys,
            system_title=self.system_title,
            invocation_counter=self.next_counter(),
            protection=protection or self.protection,
            suite=self.suite,
            form=self.form,
        )

    def open(self, apdu: Ciphered) -> tuple[bytes, Protection]:
        """Return the plain APDU and how it was protected; raises ReceivedError or NeedKey."""
        opened = unprotect(apdu, self.keys, self.peer_title)
        if not covers(opened.protection, self.protection):
            raise ProtectionTooLow(
                f"The APDU is protected as {opened.protection.value}, agreed is {self.protection.value}."
            )
        if apdu.invocation_counter < self.floor:
            raise CounterStale(apdu.invocation_counter, self.floor)
        self.floor = apdu.invocation_counter + 1
        return opened.plaintext, opened.protection


def covers(actual: Protection, least: Protection) -> bool:
    """Tell whether `actual` is as much protection as `least`."""
    return actual.authenticated >= least.authenticated and actual.encrypted >= least.encrypted
