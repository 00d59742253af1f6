"""A client's side of making an association: the AARQ, what the AARE says, and the mutual proof of HLS-GMAC."""

from __future__ import annotations

import hmac
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
    GeneralGloCiphering,
    InitiateRequest,
    InitiateResponse,
    Mechanism,
    Rlrq,
    ServiceCiphered,
)
from ami_dlms.association.cipher import Cipher
from ami_dlms.association.settings import SYSTEM_TITLE_LENGTH, Authentication, ClientSettings
from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import AssociationRefused, AuthenticationFailed, DlmsError, UsageError
from ami_dlms.security import CounterProvider
from ami_dlms.security.hls import gmac_response, gmac_verify

CHALLENGE_LENGTH = 16
MECHANISMS = {
    Authentication.NONE: None,
    Authentication.LLS: Mechanism.LLS,
    Authentication.HLS_GMAC: Mechanism.HLS_GMAC,
}
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
        self._challenge = random(CHALLENGE_LENGTH)
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
        proof = {Authentication.LLS: settings.password, Authentication.HLS_GMAC: self._challenge}
        return Aarq(
            application_context=context,
            calling_ap_title=settings.client_system_title if settings.needs_system_title else None,
            mechanism=MECHANISMS[settings.authentication],
            calling_authentication=proof.get(settings.authentication),
            user_information=self._initiate(),
        ).to_bytes()

    def release_request(self) -> bytes:
        """Return the RLRQ; a ciphered association protects it, so that nobody else can end it (Green Book 9.4.3)."""
        return Rlrq(0, self._initiate() if self.cipher else b"").to_bytes()

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
        if self._settings.authentication is not Authentication.HLS_GMAC:
            return None
        # Some servers leave the mechanism's name out; the challenge is what counts.
        challenge = aare.responding_authentication
        if not challenge:
            raise AuthenticationFailed(
                "The meter accepted without a challenge: it does not offer hls-gmac to this client."
            )
        if (
            title is None
            or title == self._settings.client_system_title
            or hmac.compare_digest(challenge, self._challenge)
        ):
            raise AuthenticationFailed("The meter states no system title of its own, or sent our challenge back.")
        return challenge

    def prove(self, challenge: bytes) -> bytes:
        """Return our answer to the server's challenge."""
        settings = self._settings
        if settings.keys is None or settings.client_system_title is None or self._counter is None:
            raise UsageError("hls-gmac needs keys, the client's system title and a counter.")
        return gmac_response(
            challenge,
            keys=settings.keys,
            system_title=settings.client_system_title,
            invocation_counter=self._counter.next(),
            suite=settings.suite,
        )

    def check(self, answer: Data) -> None:
        """Verify the server's answer to our challenge; raises AuthenticationFailed."""
        title, keys = self.agreed.server_system_title, self._settings.keys
        if answer.tag != Tag.OCTET_STRING or title is None or keys is None:
            raise AuthenticationFailed("The meter's answer to our challenge is no octet-string.")
        gmac_verify(answer.value, self._challenge, keys=keys, system_title=title)

    def _initiate(self) -> bytes:
        request = InitiateRequest(self._settings.conformance, self._settings.max_pdu_size).to_bytes()
        return request if self.cipher is None else self.cipher.protect(request)

    def _read_initiate(self, octets: bytes) -> Agreed:
        if not octets:  # not allowed, but seen: what was asked for is taken as agreed
            return self.agreed
        response = apdu.decode(octets)
        if isinstance(response, (GeneralGloCiphering, ServiceCiphered)):
            if self.cipher is None:
                raise AssociationRefused("The meter answered ciphered to an association that is not.")
            response = apdu.decode(self.cipher.open(response)[0])
        if isinstance(response, ConfirmedServiceError):
            raise AssociationRefused(f"The meter refused the association: {response}.")
        if not isinstance(response, InitiateResponse):
            raise AssociationRefused(
                f"The meter accepted with {type(response).__name__} in place of an InitiateResponse."
            )
        conformance = response.conformance & self._settings.conformance
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
