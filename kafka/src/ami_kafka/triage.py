"""What to do about an error of the client: one table, decided by what the client itself says first."""

from __future__ import annotations

import struct
from enum import Enum

from confluent_kafka import KafkaError


class Verdict(Enum):
    """What follows from an error."""

    RETRY = "the same call again"
    ABORT = "give up the transaction, take the batch again"
    REBUILD = "throw both clients away, go on from what the ledger says"
    VANISHED = "the offset may not exist any more: look, and stop if so"
    MISSING = "the topic may not exist: look, and stop if so"
    REFUSED = "the broker refuses us: stop"
    REPLACED = "another process runs under our instance id: stop"


_BY_CODE = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Verdict.REFUSED,
    KafkaError.GROUP_AUTHORIZATION_FAILED: Verdict.REFUSED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Verdict.REFUSED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: Verdict.REFUSED,
    KafkaError.SASL_AUTHENTICATION_FAILED: Verdict.REFUSED,
    KafkaError._AUTHENTICATION: Verdict.REFUSED,  # noqa: SLF001
    KafkaError.FENCED_INSTANCE_ID: Verdict.REPLACED,
    KafkaError.UNKNOWN_TOPIC_OR_PART: Verdict.MISSING,
    KafkaError._UNKNOWN_TOPIC: Verdict.MISSING,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: Verdict.MISSING,  # noqa: SLF001
    KafkaError._AUTO_OFFSET_RESET: Verdict.VANISHED,  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE: Verdict.VANISHED,
    KafkaError._LOG_TRUNCATION: Verdict.VANISHED,  # noqa: SLF001
}


def triage(error: KafkaError) -> Verdict:
    """Give the verdict on an error of a transactional call or of a consumer; the unknown is rebuilt, which is safe."""
    known = _BY_CODE.get(error.code())
    if known is not None:
        return known
    if error.fatal():
        return Verdict.REBUILD
    if error.txn_requires_abort():
        return Verdict.ABORT
    if error.retriable():
        return Verdict.RETRY
    return Verdict.REBUILD


_METADATA = b"CGMDv2:"


def is_member(metadata: bytes) -> bool:
    """Tell whether group metadata (librdkafka's serialized form) names a member and its generation.

    A client that has lost its membership hands out metadata without them, and a broker takes offsets under such
    metadata without any fencing, as it must for clients from before KIP-447.
    """
    if not metadata.startswith(_METADATA):
        return False
    try:
        (generation,) = struct.unpack_from("<i", metadata, len(_METADATA))
        _group, member, _rest = metadata[len(_METADATA) + 4 :].split(b"\0", 2)
    except (struct.error, ValueError):
        return False
    return generation >= 0 and member != b""
