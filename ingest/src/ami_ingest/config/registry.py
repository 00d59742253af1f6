"""Meters of the registry topic as inventory: those that state an address, and this agent or none.

The registry is followed in a thread. What was read last is kept on disk, so that an agent that starts while Kafka is
away still knows its meters. Keys are never taken from the registry: a meter names its secrets file.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError
from pydantic import ValidationError
from structlog.typing import FilteringBoundLogger

from ami.registry.v1 import registry_pb2 as pb
from ami_ingest.config.form import MeterForm
from ami_ingest.config.mistakes import Mistake, Mistakes
from ami_ingest.config.model import Meter
from ami_ingest.config.resolve import Resolver
from ami_ingest.config.yaml_file import dotted, explain
from ami_ingest.errors import ConfigError
from ami_kafka.followed import FollowedTable
from ami_kafka.table import Row, Table
from ami_schemas import topics

KEPT: Final = "registry.json"
"""Name of the file in the state directory that keeps what was read last."""
_METER: Final = b"meter/"
_POLL_S: Final = 0.2
_KEEP_EVERY_S: Final = 30.0
_SAME: Final = (
    "address",
    "client_address",
    "logical_device_id",
    "physical_device_id",
    "authentication_level",
    "mechanism",
    "security_suite",
    "security_policy",
    "secrets",
    "network",
    "link",
)
"""Fields of the registry's access that mean what the configuration's key of the same name means."""

Entries = Mapping[str, bytes]
"""`ami.registry.v1.Meter` as it stands in the topic, by the meter's id there."""


class RegistryMeters:
    """Makes meters of entries; of an entry that did not change it is the meter made before."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._made: dict[str, tuple[bytes, Meter]] = {}

    def of(self, entries: Entries) -> tuple[list[Meter], list[str]]:
        """Return the meters, and a sentence for each mistake of an entry that cannot be meant.

        Of entries that give meters one id, that with the first id in the registry is meant, whichever came first.
        """
        before, self._made = self._made, {}
        problems: list[str] = []
        meters: dict[str, Meter] = {}
        named_by: dict[str, str] = {}
        for meter_id, value in sorted(entries.items()):
            known = before.get(meter_id)
            made = known[1] if known is not None and known[0] == value else _attempt(meter_id, value, self._resolver)
            if isinstance(made, Meter):
                self._made[meter_id] = (value, made)
                if meters.setdefault(made.id, made) is made:
                    named_by[made.id] = meter_id
                    continue
                made = [f"inventory_id: '{made.id}' is the id of {named_by[made.id]} too, which stays; change one"]
            problems += [f"registry, {meter_id}: {sentence}" for sentence in made]
        return list(meters.values()), problems


def _attempt(meter_id: str, value: bytes, resolver: Resolver) -> Meter | list[str]:
    wrong = Mistakes()
    try:
        with wrong:
            meter = _meter(meter_id, pb.Meter.FromString(value), resolver, wrong)
    except ValidationError as error:
        return [f"{dotted(at)}: {sentence}" for at, sentence in explain(error, MeterForm)]
    except DecodeError:
        return ["the record cannot be read; import the meter again"]
    return [f"{dotted(mistake.at)}: {mistake}" for mistake in wrong.found] or meter


def _meter(meter_id: str, message: pb.Meter, resolver: Resolver, wrong: Mistakes) -> Meter:
    access = message.access
    written: dict[str, Any] = {
        field.name: value for field, value in access.ListFields() if field.name in _SAME and value != ""
    }
    _refuse_outside(written.get("secrets", ""))
    written["id"] = _id(meter_id, message)
    if access.schedules:
        written["schedules"] = tuple(access.schedules)
    if message.system_title:
        written["system_title"] = message.system_title.hex()
    if message.logical_device_name:
        written["logical_device_name"] = message.logical_device_name
    if message.traits.zone:
        written["zone"] = message.traits.zone
    # The registry's groups are of other use too: one that the configuration does not have is just a name here.
    group = message.traits.group
    if group in resolver.groups:
        written["group"] = group
    meter = resolver.meter(MeterForm.model_validate(written), wrong)
    return meter if meter.group == group or not group else replace(meter, group=group)


def _id(meter_id: str, message: pb.Meter) -> str:
    return message.inventory_id or meter_id


def _refuse_outside(secrets: str) -> None:
    """Whoever may write the registry must not choose any file of this machine."""
    if secrets and (Path(secrets).is_absolute() or ".." in Path(secrets).parts):
        raise Mistake(("secrets",), f"'{secrets}' leaves the configuration's folder; write a path below it")


class RegistryFollower:
    """Reads the registry to its end in a thread and follows it from then on."""

    def __init__(
        self,
        bootstrap: str,
        agent: str,
        kept: Path,
        log: FilteringBoundLogger,
        on_change: Callable[[], None],
    ) -> None:
        """Know what was kept; `on_change` is called in the thread whenever `entries` is another."""
        self._agent = agent
        self._kept = kept
        self._log = log
        self._on_change = on_change
        self._followed = FollowedTable(bootstrap, topics.REGISTRY, self._session, self._in_trouble)
        self._unkept = False
        self._keep_due = 0.0
        self.entries: Entries = kept_entries(kept)
        """As read last; never changed in place."""

    def start(self) -> None:
        """Begin to read."""
        self._followed.start()

    def stop(self) -> None:
        """End, and wait for the end."""
        self._followed.stop()
        if self._unkept:
            self._keep()

    def _in_trouble(self, sentence: str) -> None:
        self._log.warning(
            "the registry is not read at present: the meters known of it stay",
            reason=sentence,
            remedy="it is tried again",
        )

    def _session(self, table: Table, stop: threading.Event) -> None:
        entries: dict[str, bytes] = {}
        changed, read = False, False
        while not stop.is_set():
            changed |= self._take(table.rows(_POLL_S), entries)
            if table.whole and (changed or not read):
                if not read:
                    self._log.info("the registry is read", meters=len(entries))
                changed, read, self._followed.trouble = False, True, ""
                self._publish(entries)
            if self._unkept and time.monotonic() >= self._keep_due:
                self._keep()

    def _publish(self, entries: Mapping[str, bytes]) -> None:
        if entries != self.entries:
            self.entries = dict(entries)
            self._unkept = True
            self._on_change()

    def _take(self, rows: list[Row], entries: dict[str, bytes]) -> bool:
        """Take rows into entries; tell whether that changed any."""
        changed = False
        for key, value in rows:
            if not key.startswith(_METER):
                continue
            meter_id = key[len(_METER) :].decode(errors="replace")
            if value is not None and self._is_ours(value):
                changed |= entries.get(meter_id) != value
                entries[meter_id] = value
            else:
                changed |= entries.pop(meter_id, None) is not None
        return changed

    def _is_ours(self, value: bytes) -> bool:
        try:
            access = pb.Meter.FromString(value).access
        except DecodeError:
            return False
        return bool(access.address) and access.agent in ("", self._agent)

    def _keep(self) -> None:
        self._unkept = False
        self._keep_due = time.monotonic() + _KEEP_EVERY_S
        content = {meter_id: base64.b64encode(value).decode() for meter_id, value in self.entries.items()}
        new = self._kept.with_suffix(".new")
        try:
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(content), encoding="utf-8")
            new.replace(self._kept)
        except OSError as error:
            self._log.warning("the registry's meters cannot be kept on disk", path=str(self._kept), reason=str(error))


def kept_entries(path: Path) -> Entries:
    """Return what was kept; nothing where there is no file, or one that makes no sense."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(meter_id): base64.b64decode(value, validate=True) for meter_id, value in content.items()}
    except (OSError, ValueError, AttributeError, TypeError, binascii.Error):
        return {}


def kept_meter(path: Path, name: str, resolver: Resolver) -> Meter | None:
    """Return a meter of what was kept, by its id in the inventory; None where it is not among them.

    Raises ConfigError where nothing that is registered of it can be meant.
    """
    named = {meter_id: value for meter_id, value in kept_entries(path).items() if _is_named(name, meter_id, value)}
    meters, problems = RegistryMeters(resolver).of(named)
    if problems and not meters:
        raise ConfigError(*problems)
    return meters[0] if meters else None


def _is_named(name: str, meter_id: str, value: bytes) -> bool:
    try:
        return _id(meter_id, pb.Meter.FromString(value)) == name
    except DecodeError:
        return meter_id == name
