"""What can go wrong between us and Kafka, each with a sentence for a person and what to do.

KafkaRoomError
├── KafkaUnavailable      KAFKA_UNAVAILABLE     nobody answers at the bootstrap address
├── TopicMissing          TOPIC_MISSING         a topic is not there (we never create one in passing)
├── TopicDiffers          TOPIC_DIFFERS         a topic has another partition count than declared
├── TopicFileInvalid      TOPIC_FILE_INVALID    the declaration of the topics cannot be read
├── OffsetVanished        OFFSET_VANISHED       the next raw record to read no longer exists
├── TransactionHangs      TRANSACTION_HANGS     records stay behind a transaction that does not end
├── InstanceReplaced      INSTANCE_REPLACED     another process runs under our instance id
├── NotAuthorized         NOT_AUTHORIZED        the broker refuses us
├── JavaMissing           JAVA_MISSING          the local broker has no Java to run on
├── JarsUnavailable       JARS_UNAVAILABLE      the server's jars cannot be fetched, or are not the ones expected
├── PortTaken             PORT_TAKEN            another program listens where the local broker should
├── BrokerFailed          BROKER_FAILED         the local broker did not come up
└── AddressUnusable       ADDRESS_UNUSABLE      metrics and health cannot be served there
"""

from __future__ import annotations

from typing import ClassVar

from ami_schemas import topics as names


class KafkaRoomError(Exception):
    """Any of them. `sentence` says what happened, `remedy` what to do, `code` is stable."""

    code: ClassVar[str] = "KAFKA"

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence}; {remedy}")
        self.sentence = sentence
        self.remedy = remedy


class KafkaUnavailable(KafkaRoomError):
    """Nobody answers at the bootstrap address."""

    code = "KAFKA_UNAVAILABLE"

    @classmethod
    def at(cls, bootstrap: str, detail: str = "") -> KafkaUnavailable:
        """Name the address, and why where the client knows it."""
        reason = f" ({detail})" if detail else ""
        return cls(
            f"no Kafka answers at {bootstrap}{reason}",
            "start one with `ami kafka start`, or name another with --bootstrap or KAFKA_BOOTSTRAP",
        )


class TopicMissing(KafkaRoomError):
    """A topic is not there."""

    code = "TOPIC_MISSING"

    @classmethod
    def named(cls, *topics: str) -> TopicMissing:
        """Name the topics."""
        noun = "topic" if len(topics) == 1 else "topics"
        routes = " --routes FILE" if any(topic.startswith(names.ROUTES) for topic in topics) else ""
        sentence = f"Kafka has no {noun} {', '.join(topics)}"
        return cls(sentence, f"create what is declared with `ami topics apply{routes}`")


class TopicDiffers(KafkaRoomError):
    """A topic has another partition count than declared, or than the topic it must match."""

    code = "TOPIC_DIFFERS"


class TopicFileInvalid(KafkaRoomError):
    """The declaration of the topics cannot be read."""

    code = "TOPIC_FILE_INVALID"


class OffsetVanished(KafkaRoomError):
    """The next raw record to read no longer exists: retention was faster than we were, or the topic was made anew."""

    code = "OFFSET_VANISHED"


class TransactionHangs(KafkaRoomError):
    """Records stay behind a transaction that does not end."""

    code = "TRANSACTION_HANGS"

    @classmethod
    def at(cls, topic: str, partition: int) -> TransactionHangs:
        """Name the partition."""
        return cls(
            f"records of {topic}/{partition} stay behind a transaction that does not end",
            "find it and end it as docs/hanging-transactions.md shows, then try again",
        )


class InstanceReplaced(KafkaRoomError):
    """Another process runs under our instance id."""

    code = "INSTANCE_REPLACED"


class NotAuthorized(KafkaRoomError):
    """The broker refuses us."""

    code = "NOT_AUTHORIZED"


class JavaMissing(KafkaRoomError):
    """The local broker has no Java to run on."""

    code = "JAVA_MISSING"


class JarsUnavailable(KafkaRoomError):
    """The server's jars cannot be fetched, or are not the ones expected."""

    code = "JARS_UNAVAILABLE"


class PortTaken(KafkaRoomError):
    """Another program listens where the local broker should."""

    code = "PORT_TAKEN"


class BrokerFailed(KafkaRoomError):
    """The local broker did not come up."""

    code = "BROKER_FAILED"


class AddressUnusable(KafkaRoomError):
    """Metrics and health cannot be served at an address: it is none, or it is taken."""

    code = "ADDRESS_UNUSABLE"
