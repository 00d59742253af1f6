"""A server's side of one association: who may come in, under which protection, and what comes of a request."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial

from ami_dlms import apdu, axdr
from ami_dlms.apdu import (
    Aare,
    Aarq,
    ActionRequestNormal,
    ActionResponseNormal,
    ActionResult,
    Apdu,
    ApplicationContext,
    AssociationResult,
    Ciphered,
    Conformance,
    Diagnostic,
    ExceptionResponse,
    InitiateRequest,
    InitiateResponse,
    Mechanism,
    Rlre,
    Rlrq,
)
from ami_dlms.association.cipher import CIPHERED, Cipher, CounterStale
from ami_dlms.association.handshake import LONGEST_CHALLENGE, SHORTEST_CHALLENGE, challenge_length, check, prove
from ami_dlms.association.services import Services
from ami_dlms.association.settings import PUBLIC_CLIENT, SYSTEM_TITLE_LENGTH, Authentication, ServerSettings
from ami_dlms.association.states import SERVER_TRANSITIONS, ServerInput, ServerState, step
from ami_dlms.axdr import Tag
from ami_dlms.cosem import LogicalDevice
from ami_dlms.cosem.association import CURRENT_ASSOCIATION, REPLY_TO_HLS, AssociationLN, VisibleObjects
from ami_dlms.errors import AuthenticationFailed, DlmsError
from ami_dlms.security import Form, Protection
from ami_dlms.security.hls import Exchange
from ami_dlms.security.suites import KEY_LENGTHS

CIPHERING_OVERHEAD = 64
"""Octets that general-ciphering adds to an APDU whose transaction id has 8 octets, at most."""

NOT_ASSOCIATED = ExceptionResponse(1, 1)
"""Service not allowed, operation not possible."""
NOT_PROTECTED = ExceptionResponse(1, 3)
"""Service not allowed, other reason."""
NOT_KNOWN = ExceptionResponse(2, 2)
"""Service unknown, service not supported."""
NOT_DECIPHERED = ExceptionResponse(1, 5)
INVOCATION_COUNTER_ERROR = 6


class Refusal(Exception):
    """The AARQ is not accepted."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.name)
        self.diagnostic = diagnostic


class ServerAssociation:
    """The association of one client. A new AARQ replaces what was."""

    def __init__(
        self, settings: ServerSettings, device: LogicalDevice, client_sap: int, random: Callable[[int], bytes]
    ) -> None:
        self._settings, self._device, self._client_sap, self._random = settings, device, client_sap, random
        self._state = ServerState.IDLE
        self._cipher: Cipher | None = None
        self._client_title: bytes | None = None
        self._exchange: Exchange | None = None
        self._services: Services | None = None
        self._longest_block = 0

    @property
    def state(self) -> ServerState:
        """Where the association stands."""
        return self._state

    def reset(self) -> None:
        """Forget the association: the link is new or gone."""
        self._step(ServerInput.LINK_RESET)

    @property
    def longest_block(self) -> int:
        """Longest APDU of a general block transfer to this client, in octets; 0 if it was not agreed on."""
        return self._longest_block if self._services else 0

    def handle(self, octets: bytes, *, whole: bool = False) -> bytes:
        """Answer one APDU; whatever it is, there is an answer and no error.

        `whole`: the answer may have any length, it is transferred in blocks.
        """
        if self._services is not None:
            self._services.whole = whole
        try:
            received = apdu.decode(octets)
        except DlmsError:
            return NOT_KNOWN.to_bytes()
        if isinstance(received, Aarq):
            return self._associate(received).to_bytes()
        if isinstance(received, Rlrq):
            return self._release()
        if self._state is ServerState.IDLE or self._services is None:
            return NOT_ASSOCIATED.to_bytes()
        if not isinstance(received, CIPHERED):
            return NOT_PROTECTED.to_bytes() if self._cipher else self._serve(received)
        return self._serve_ciphered(received)

    def _serve_ciphered(self, received: Ciphered) -> bytes:
        cipher = self._cipher
        if cipher is None:
            return NOT_DECIPHERED.to_bytes()
        try:
            plain, protection = self._open(cipher, received)
            request = apdu.decode(plain)
        except CounterStale as error:
            return ExceptionResponse(1, INVOCATION_COUNTER_ERROR, error.expected).to_bytes()
        except DlmsError:
            return NOT_DECIPHERED.to_bytes()
        # The answer comes in the form and under the protection of the request, which is at least what the policy wants.
        response = self._serve(request)
        if response[0] == NOT_KNOWN.to_bytes()[0]:
            return response
        return cipher.answer_to(received, response, protection)

    def _serve(self, request: Apdu) -> bytes:
        if self._state is ServerState.CHALLENGED:
            return self._prove(request)
        if self._services is None:
            return NOT_KNOWN.to_bytes()
        return self._services.answer(request)

    def _open(self, cipher: Cipher, received: Ciphered) -> tuple[bytes, Protection]:
        opened = cipher.open(received)
        counters = self._device.counters
        counters.received = max(counters.received, received.invocation_counter)
        return opened

    def _associate(self, aarq: Aarq) -> Aare:
        self._services = self._cipher = self._exchange = None
        context = aarq.application_context
        try:
            public = self._admit(aarq)
            initiate = self._initiate(aarq)
        except Refusal as refusal:
            self._step(ServerInput.REFUSE)
            self._cipher = None
            return Aare(AssociationResult.REJECTED_PERMANENT, refusal.diagnostic, application_context=context)
        conformance = initiate.conformance & self._settings.conformance
        self._services = self._open_services(initiate, conformance, public=public)
        response = InitiateResponse(conformance, self._settings.max_pdu_size).to_bytes()
        information = response if self._cipher is None else self._cipher.protect(response, form=Form.GLO)
        if self._cipher is not None and initiate.dedicated_key is not None:
            self._cipher.dedicate(initiate.dedicated_key)
        title = self._settings.system_title if self._cipher or aarq.calling_ap_title else None
        authentication = self._settings.authentication
        if public or not authentication.challenges:
            self._step(ServerInput.ACCEPT)
            return Aare(
                AssociationResult.ACCEPTED,
                Diagnostic.NULL,
                application_context=context,
                responding_ap_title=title,
                user_information=information,
            )
        ours, theirs = self._random(challenge_length(authentication)), aarq.calling_authentication or b""
        self._exchange = Exchange(theirs, ours, self._settings.system_title or b"", self._client_title or b"")
        self._step(ServerInput.CHALLENGE)
        return Aare(
            AssociationResult.ACCEPTED,
            Diagnostic.AUTHENTICATION_REQUIRED,
            application_context=context,
            responding_ap_title=title,
            mechanism=authentication.mechanism,
            responding_authentication=ours,
            user_information=information,
        )

    def _admit(self, aarq: Aarq) -> bool:
        """Check context and authentication; tell whether the client is only the public one. Raises Refusal."""
        settings = self._settings
        if settings.refuse is not None:
            raise Refusal(settings.refuse)
        ciphered = aarq.application_context == ApplicationContext.LOGICAL_NAME_CIPHERED
        if not ciphered and aarq.application_context != ApplicationContext.LOGICAL_NAME:
            raise Refusal(Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED)
        if ciphered and settings.keys is None:
            raise Refusal(Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED)
        mechanism = aarq.mechanism or Mechanism.NONE
        open_to_all = settings.authentication is Authentication.NONE and settings.protection is Protection.NONE
        if mechanism == Mechanism.NONE and not ciphered and self._client_sap == PUBLIC_CLIENT and not open_to_all:
            return True
        if mechanism != settings.authentication.mechanism:
            missing = mechanism == Mechanism.NONE
            raise Refusal(
                Diagnostic.AUTHENTICATION_REQUIRED
                if missing
                else Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED
            )
        if not ciphered and settings.protection is not Protection.NONE:
            raise Refusal(Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED)
        if ciphered or settings.authentication.uses_titles:
            self._know_client(aarq)
        if ciphered:
            self._start_cipher()
        self._check_secret(aarq)
        return False

    def _know_client(self, aarq: Aarq) -> None:
        title = aarq.calling_ap_title
        if title is None or len(title) != SYSTEM_TITLE_LENGTH or title == self._settings.system_title:
            raise Refusal(Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED)
        self._client_title = title

    def _start_cipher(self) -> None:
        settings = self._settings
        if settings.keys is None or settings.system_title is None:
            raise Refusal(Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED)
        self._cipher = Cipher(
            settings.keys,
            settings.system_title,
            self._device.counters.sent,
            suite=settings.suite,
            protection=settings.protection,
            peer_title=self._client_title,
        )

    def _check_secret(self, aarq: Aarq) -> None:
        secret = aarq.calling_authentication or b""
        if self._settings.authentication is Authentication.LLS and not hmac.compare_digest(
            secret, self._settings.password or b""
        ):
            raise Refusal(Diagnostic.AUTHENTICATION_FAILURE)
        length_is_right = SHORTEST_CHALLENGE <= len(secret) <= LONGEST_CHALLENGE
        if self._settings.authentication.challenges and not length_is_right:
            raise Refusal(Diagnostic.AUTHENTICATION_FAILURE)

    def _initiate(self, aarq: Aarq) -> InitiateRequest:
        """Read the InitiateRequest, ciphered where the context is; raises Refusal."""
        try:
            request = apdu.decode(aarq.user_information)
            if isinstance(request, CIPHERED) and self._cipher is not None:
                plain, protection = self._open(self._cipher, request)
                self._cipher.protection = protection
                request = apdu.decode(plain)
        except DlmsError:
            failed = Diagnostic.AUTHENTICATION_FAILURE if self._cipher else Diagnostic.NO_REASON_GIVEN
            raise Refusal(failed) from None
        if not isinstance(request, InitiateRequest):
            raise Refusal(Diagnostic.NO_REASON_GIVEN)
        dedicated = request.dedicated_key
        if self._cipher is not None and dedicated is not None and len(dedicated) != KEY_LENGTHS[self._settings.suite]:
            raise Refusal(Diagnostic.NO_REASON_GIVEN)
        return request

    def _open_services(self, initiate: InitiateRequest, conformance: Conformance, *, public: bool) -> Services:
        settings = self._settings
        client_limit = initiate.client_max_receive_pdu_size or settings.max_pdu_size
        max_send = min(client_limit, settings.max_pdu_size)
        self._longest_block = max_send if conformance & Conformance.GENERAL_BLOCK_TRANSFER else 0
        association = partial(
            AssociationLN,
            client_sap=self._client_sap,
            server_sap=settings.server_sap,
            ciphered=self._cipher is not None,
            mechanism=Mechanism.NONE if public else settings.authentication.mechanism,
            conformance=conformance,
            max_receive=settings.max_pdu_size,
            max_send=max_send,
        )
        objects = VisibleObjects(self._device.visible(public=public), association)
        overhead = CIPHERING_OVERHEAD if self._cipher else 0
        return Services(objects, conformance, max(1, max_send - overhead))

    def _prove(self, request: Apdu) -> bytes:
        """Check the reply to our challenge and answer the client's."""
        if (
            not isinstance(request, ActionRequestNormal)
            or request.method.obis != CURRENT_ASSOCIATION
            or request.method.method != REPLY_TO_HLS
        ):
            return NOT_ASSOCIATED.to_bytes()
        exchange, reply = self._exchange, request.parameter
        try:
            if exchange is None or reply is None or reply.tag != Tag.OCTET_STRING:
                raise AuthenticationFailed("The reply is no octet-string.")
            counter = check(reply.value, exchange.mirrored(), self._settings)
        except DlmsError:
            self._step(ServerInput.DISPROVED)
            return ActionResponseNormal(request.invoke_id_and_priority, ActionResult.OTHER_REASON).to_bytes()
        counters = self._device.counters
        counters.received = max(counters.received, counter or 0)
        self._step(ServerInput.PROVED)
        proof = prove(exchange, self._settings, counters.sent)
        return ActionResponseNormal(request.invoke_id_and_priority, ActionResult.SUCCESS, axdr.octets(proof)).to_bytes()

    def _release(self) -> bytes:
        self._step(ServerInput.RELEASE)
        self._services = self._cipher = self._exchange = None
        return Rlre(0).to_bytes()

    def _step(self, event: ServerInput) -> None:
        self._state = step(SERVER_TRANSITIONS, self._state, event)
