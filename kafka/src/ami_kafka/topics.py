"""Declared topics: read the declaration, create what is missing, say what differs. Nothing is created in passing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from enum import Enum
from importlib import resources
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from ami_kafka import clients
from ami_kafka.check import metadata
from ami_kafka.errors import KafkaUnavailable, NotAuthorized, TopicDiffers, TopicFileInvalid

_TIMEOUT_S = 30.0


class TopicSpec(NamedTuple):
    """A topic as declared."""

    name: str
    partitions: int
    config: Mapping[str, str]
    """Kafka's own names; replication and `min.insync.replicas` follow from the number of brokers."""


class Outcome(str, Enum):
    """What `apply` found or did."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    DIFFERS = "differs"


class Change(NamedTuple):
    """What became of one topic."""

    name: str
    outcome: Outcome
    differences: tuple[str, ...] = ()
    """Each as `setting: declared X, is Y`; a setting is never changed on a topic that exists."""


def declaration() -> Path:
    """Find the declaration: `deploy/topics.yaml` of the checkout, or the copy inside the wheel."""
    for folder in Path(__file__).resolve().parents:
        path = folder / "deploy" / "topics.yaml"
        if path.is_file():
            return path
    return Path(str(resources.files("ami_kafka").joinpath("topics.yaml")))


def load(path: Path | None = None) -> list[TopicSpec]:
    """Read a declaration, by default ours; raise `TopicFileInvalid`."""
    where = path or declaration()
    try:
        document = yaml.safe_load(where.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TopicFileInvalid(
            f"{where} cannot be read ({str(error).splitlines()[0]})",
            "see deploy/topics.yaml of the project for the form",
        ) from None
    return _specs(document, where)


def _specs(document: Any, where: Path) -> list[TopicSpec]:
    def wrong(what: str) -> TopicFileInvalid:
        return TopicFileInvalid(f"{where}: {what}", "see deploy/topics.yaml of the project for the form")

    if not isinstance(document, dict) or not isinstance(document.get("topics"), dict):
        raise wrong("`topics` with a mapping of names is missing")
    default = document.get("partitions", 12)
    specs = []
    for name, entry in document["topics"].items():
        config = dict(entry or {})
        partitions = config.pop("partitions", default)
        if not isinstance(partitions, int) or isinstance(partitions, bool) or partitions < 1:
            raise wrong(f"`partitions` of {name} is {partitions!r}, not a number above 0")
        if not all(isinstance(value, (str, int, float)) for value in config.values()):
            raise wrong(f"a setting of {name} is neither text nor a number")
        specs.append(TopicSpec(str(name), partitions, {str(key): _text(value) for key, value in config.items()}))
    return specs


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def beside(specs: Sequence[TopicSpec], like: str, named: Mapping[str, Mapping[str, str]]) -> list[TopicSpec]:
    """Return the declaration with more topics, each like one that it declares but for the settings given by name.

    Raises `TopicFileInvalid` where it does not declare that one, or declares one of the others itself.
    """
    model = next((spec for spec in specs if spec.name == like), None)
    if model is None:
        raise TopicFileInvalid(f"the declaration lacks {like}", "see deploy/topics.yaml of the project for the form")
    twice = {spec.name for spec in specs}.intersection(named)
    if twice:
        raise TopicFileInvalid(f"{', '.join(sorted(twice))} is declared twice", "declare a route's topic in its route")
    more = [TopicSpec(name, model.partitions, {**model.config, **config}) for name, config in named.items()]
    return [*specs, *more]


def apply(bootstrap: str, specs: Sequence[TopicSpec] | None = None) -> list[Change]:
    """Create the declared topics that are missing, and compare the others; give one change a topic, in order.

    Replication is min(3, brokers); with three copies, two must be written. Raises `KafkaUnavailable`, and
    `TopicDiffers` where a partition count is another than declared, after everything else was created.
    """
    wanted = load() if specs is None else list(specs)
    cluster = metadata(bootstrap)
    replication = min(3, len(cluster.brokers))
    existing = {name: len(topic.partitions) for name, topic in cluster.topics.items() if topic.error is None}
    admin = clients.admin(bootstrap)
    created = _create(admin, bootstrap, [spec for spec in wanted if spec.name not in existing], replication)
    present = [spec for spec in wanted if spec.name not in created]
    existing |= {spec.name: spec.partitions for spec in present if spec.name not in existing}
    differing = [spec for spec in present if existing[spec.name] != spec.partitions]
    if differing:
        counts = ", ".join(f"{s.name} has {existing[s.name]} partitions, declared {s.partitions}" for s in differing)
        raise TopicDiffers(
            f"partition counts differ: {counts}",
            "a count is for ever, as it decides where each key goes: declare the count there is, "
            "or take another cluster, or delete the topic if its content may be lost",
        )
    settings = _settings(admin, [spec.name for spec in present])
    return [_compare(spec, spec.name in created, settings.get(spec.name, {})) for spec in wanted]


def limits(bootstrap: str, names: Sequence[str]) -> dict[str, int]:
    """Give `max.message.bytes` of topics, in bytes; those that do not exist are left out."""
    found = _settings(clients.admin(bootstrap), names)
    return {name: int(settings["max.message.bytes"]) for name, settings in found.items()}


def retention_s(bootstrap: str, name: str) -> float:
    """Give how long a topic keeps records, in seconds; infinite where for ever, or where nobody says."""
    text = _settings(clients.admin(bootstrap), [name]).get(name, {}).get("retention.ms", "-1")
    return int(text) / 1000 if int(text) >= 0 else inf


def _create(admin: AdminClient, bootstrap: str, specs: Sequence[TopicSpec], replication: int) -> set[str]:
    """Create topics and wait until each is there; give the names of those that somebody else did not create first."""
    if not specs:
        return set()
    in_sync = {"min.insync.replicas": str(max(1, replication - 1))}
    new = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=replication,
            config={**in_sync, **spec.config},
        )
        for spec in specs
    ]
    created = set()
    for name, future in admin.create_topics(new, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result()
            created.add(name)
        except KafkaException as error:  # noqa: PERF203
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
                raise NotAuthorized(f"Kafka does not let us create {name}", "ask for the right to create it") from None
            if code in (KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION):
                raise TopicFileInvalid(
                    f"Kafka refuses {name} as declared: {error.args[0].str()}", "correct the declaration"
                ) from None
            raise KafkaUnavailable.at(bootstrap, error.args[0].str()) from None
    _await(bootstrap, created)
    return created


def _await(bootstrap: str, created: set[str]) -> None:
    """Wait until the brokers know what the controller made: whoever starts next finds it."""
    deadline = time.monotonic() + _TIMEOUT_S
    while not created <= {name for name, topic in metadata(bootstrap).topics.items() if topic.error is None}:
        if time.monotonic() > deadline:
            raise KafkaUnavailable.at(bootstrap, "it made topics and does not show them")
        time.sleep(0.1)


def _settings(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources_ = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    found = {}
    for resource, future in admin.describe_configs(resources_, request_timeout=_TIMEOUT_S).items():
        try:
            found[resource.name] = {key: str(entry.value) for key, entry in future.result().items()}
        except KafkaException:  # noqa: PERF203
            continue
    return found


def _compare(spec: TopicSpec, created: bool, settings: Mapping[str, str]) -> Change:  # noqa: FBT001
    if created:
        return Change(spec.name, Outcome.CREATED)
    differences = tuple(
        f"{key}: declared {value}, is {settings.get(key, 'unknown')}"
        for key, value in spec.config.items()
        if settings.get(key) != value
    )
    return Change(spec.name, Outcome.DIFFERS if differences else Outcome.UNCHANGED, differences)
