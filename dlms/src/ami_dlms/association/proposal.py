"""A client's side of making an association: the AARQ, what the AARE says, and the mutual proof of HLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ami_dlms import apdu
from ami_dlms.apdu import (
    Aare,
    Aarq,
    ApplicationContext,
    AssociationResult,
    ConfirmedServiceError,
    Conformance,
    Diagnostic,
    InitiateRequest,
    InitiateResponse,
    Rlrq,
)
from ami_dlms.association.cipher import CIPHERED, Cipher
from ami_dlms.association.handshake import challenge_length, check, check_challenges, prove
from ami_dlms.association.settings import SYSTEM_TITLE_LENGTH, Authentication, ClientSettings
from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import AssociationRefused, AuthenticationFailed, DlmsError, UsageError
from ami_dlms.security import CounterProvider, Form
from ami_dlms.security.hls import Exchange
from ami_dlms.security.suites import KEY_LENGTHS

ADVICE = {
    Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED: "it wants its APDUs ciphered, or not ciphered",
    Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED: "it does not know the client's system title",
    Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED: "it does not offer this authentication to this client",
    Diagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED: "it wants an authentication from this client",
    Diagnostic.AUTHENTICATION_FAILURE: "authentication failed: check the password or the keys",
    Diagnostic.AUTHENTICATION_REQUIRED: "it wants an authentication from this client",
}


class Agreed(NamedTuple):
    """What both sides agreed on."""

    server_system_title: bytes | None
    conformance: Conformance
    max_pdu: int
    """Longest APDU the server takes; 0 means unlimited."""


class Proposal:
    """One attempt to associate, and what came of it."""

    def __init__(
        self, settings: ClientSettings, counter: CounterProvider | None, random: Callable[[int], bytes]
    ) -> None:
        self._settings = settings
        self._counter = counter
        self._challenge = random(challenge_length(settings.authentication))
        self._dedicated: bytes | None = None
        if settings.protects and settings.form.dedicated:
            self._dedicated = random(KEY_LENGTHS[settings.suite])
        self._exchange = Exchange(b"", self._challenge, b"", b"")
        self.cipher: Cipher | None = None
        self.agreed = Agreed(settings.server_system_title, settings.conformance, 0)
        if settings.protects:
            if settings.keys is None or settings.client_system_title is None or counter is None:
                raise UsageError("A ciphered association needs keys, the client's system title and a counter.")
            self.cipher = Cipher(
                settings.keys,
                settings.client_system_title,
                counter,
                suite=settings.suite,
                protection=settings.protection,
                peer_title=settings.server_system_title,
            )

    def request(self) -> bytes:
        """Return the AARQ."""
        settings = self._settings
        context = ApplicationContext.LOGICAL_NAME_CIPHERED if self.cipher else ApplicationContext.LOGICAL_NAME
        if settings.short_names:
            context = ApplicationContext.SHORT_NAME_CIPHERED if self.cipher else ApplicationContext.SHORT_NAME
        anonymous = settings.authentication is Authentication.NONE
        proof = settings.password if settings.authentication is Authentication.LLS else self._challenge
        return Aarq(
            application_context=context,
            calling_ap_title=settings.client_system_title if settings.needs_system_title else None,
            mechanism=None if anonymous else settings.authentication.mechanism,
            calling_authentication=None if anonymous else proof,
            user_information=self._initiate(self._dedicated),
        ).to_bytes()

    def release_request(self) -> bytes:
        """Return the RLRQ; a ciphered association protects it, so that nobody else can end it (Green Book 9.4.3)."""
        return Rlrq(0, self._initiate(None) if self.cipher else b"").to_bytes()

    def accept(self, aare: Aare) -> bytes | None:
        """Take the AARE; return the challenge to prove the keys on, or None if the association is complete.

        Raises AssociationRefused or AuthenticationFailed.
        """
        title = aare.responding_ap_title or self._settings.server_system_title
        title = title if title and len(title) == SYSTEM_TITLE_LENGTH else None
        if self.cipher is not None:
            self.cipher.peer_title = title
        if aare.result != AssociationResult.ACCEPTED:
            raise AssociationRefused(_refusal(aare), aare.result, aare.diagnostic)
        self.agreed = self._read_initiate(aare.user_information)._replace(server_system_title=title)
        if self.cipher is not None and self._dedicated is not None:
            self.cipher.dedicate(self._dedicated)
        if not self._settings.authentication.challenges:
            self._take_form()
            return None
        # Some servers leave the mechanism's name out; the challenge is what counts.
        challenge = aare.responding_authentication
        if not challenge:
            offered = self._settings.authentication.value
            raise AuthenticationFailed(
                f"The meter accepted without a challenge: it does not offer {offered} to this client."
            )
        ours = self._settings.client_system_title or b""
        self._exchange = Exchange(challenge, self._challenge, ours, title or b"")
        check_challenges(self._exchange, self._settings)
        return challenge

    def prove(self) -> bytes:
        """Return our answer to the server's challenge."""
        return prove(self._exchange, self._settings, self._counter)

    def check(self, answer: Data) -> None:
        """Verify the server's answer to our challenge; raises AuthenticationFailed."""
        if answer.tag != Tag.OCTET_STRING:
            raise AuthenticationFailed("The meter's answer to our challenge is no octet-string.")
        check(answer.value, self._exchange.mirrored(), self._settings)
        self._take_form()

    def _take_form(self) -> None:
        """Protect in the wished form from now on: until the association is up, all servers understand glo."""
        if self.cipher is not None:
            self.cipher.form = self._settings.form

    def _initiate(self, dedicated: bytes | None) -> bytes:
        settings = self._settings
        request = InitiateRequest(
            settings.proposed_conformance, settings.max_pdu_size, dedicated_key=dedicated
        ).to_bytes()
        return request if self.cipher is None else self.cipher.protect(request, form=Form.GLO)

    def _read_initiate(self, octets: bytes) -> Agreed:
        if not octets:  # not allowed, but seen: what was asked for is taken as agreed
            return self.agreed
        response = apdu.decode(octets)
        if isinstance(response, CIPHERED):
            if self.cipher is None:
                raise AssociationRefused("The meter answered ciphered to an association that is not.")
            response = apdu.decode(self.cipher.open(response)[0])
        if isinstance(response, ConfirmedServiceError):
            raise AssociationRefused(f"The meter refused the association: {response}.")
        if not isinstance(response, InitiateResponse):
            raise AssociationRefused(
                f"The meter accepted with {type(response).__name__} in place of an InitiateResponse."
            )
        conformance = response.conformance & self._settings.proposed_conformance
        return self.agreed._replace(conformance=conformance, max_pdu=response.server_max_receive_pdu_size)


def _refusal(aare: Aare) -> str:
    code = aare.diagnostic
    if not aare.provider_diagnostic and code in ADVICE:
        return f"The meter refused the association: {ADVICE[Diagnostic(code)]} (diagnostic {code})."
    try:
        information = apdu.decode(aare.user_information) if aare.user_information else None
    except DlmsError:  # a better sentence is all that is lost
        information = None
    if isinstance(information, ConfirmedServiceError):
        return f"The meter refused the association: {information}."
    whose = "provider diagnostic" if aare.provider_diagnostic else "diagnostic"
    return f"The meter refused the association without a reason we know (result {aare.result}, {whose} {code})."
