"""The records of the registry topic, written and read: pure.

| key | value |
| --- | --- |
| `meter/<id>` | `ami.registry.v1.Meter` |
| `key/<system title>/<kind>/<version>` | `ami.registry.v1.KeyVersion` |
| `mapping/<hash>` | `ami.registry.v1.Mapping` |
| `promotion/<revision>` | `ami.registry.v1.Promotion` |

A record without value withdraws what stood under its key. Every key is written whole, never changed in place by
reading first: two who write about the same meter at once lose nothing of each other's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from ami.registry.v1 import registry_pb2 as pb
from ami_dlms.obis import format_obis, parse_obis
from ami_dlms.security import Protection
from ami_keys.keystore import KeyStore, Wrapped
from ami_keys.names import key_name, version_of
from ami_normalize.dialects import Dialects, MappingFile
from ami_normalize.errors import RegistryInvalid
from ami_normalize.keys import BEGIN, END, KeyKind
from ami_normalize.meter import NO_ACCESS, NO_LIMITS, Access, Limits, MeterFacts, ProfileFacts
from ami_normalize.model import ScalerUnit
from ami_normalize.registry.timeline import KeyVersion
from ami_normalize.shapes.profile import Column

METER: Final = "meter/"
KEY: Final = "key/"
MAPPING: Final = "mapping/"
PROMOTION: Final = "promotion/"
MOST_NAME: Final = 200
"""A name of a meter has at most so many octets in UTF-8."""

_PROTECTIONS: Final = {
    pb.MIN_PROTECTION_NONE: Protection.NONE,
    pb.MIN_PROTECTION_AUTHENTICATED: Protection.AUTHENTICATED,
    pb.MIN_PROTECTION_ENCRYPTED: Protection.ENCRYPTED,
    pb.MIN_PROTECTION_AUTHENTICATED_ENCRYPTED: Protection.AUTHENTICATED_ENCRYPTED,
}


class Record(NamedTuple):
    """A record of the registry topic; without value it withdraws."""

    key: bytes
    value: bytes | None


class Traits(NamedTuple):
    """What a meter has in common with others, of its facts."""

    group: str = ""
    utility: str = ""
    zone: str = ""
    dialect: str = ""
    min_protection: Protection | None = None
    limits: Limits = NO_LIMITS
    profiles: Mapping[str, ProfileFacts] = {}


def meter_record(facts: MeterFacts) -> Record:
    """Return the record of a meter; raises RegistryInvalid for a name that is too long."""
    for name in (facts.meter_id, facts.logical_device_name, facts.serial, facts.inventory_id, *facts.aliases):
        if len(name.encode()) > MOST_NAME:
            raise RegistryInvalid(f"'{name[:40]}…' is longer than the {MOST_NAME} octets that a meter's name may have.")
    if not facts.meter_id:
        raise RegistryInvalid("a meter without an id cannot be registered; give it one.")
    message = pb.Meter(
        system_title=facts.system_title,
        logical_device_name=facts.logical_device_name,
        serial=facts.serial,
        inventory_id=facts.inventory_id,
        aliases=facts.aliases,
        traits=_traits_message(facts),
        access=_access_message(facts.access),
    )
    return Record(f"{METER}{facts.meter_id}".encode(), message.SerializeToString(deterministic=True))


def meter_facts(meter_id: str, message: pb.Meter, traits: Traits) -> MeterFacts:
    """Return the facts of a meter, of whose message the traits were read before."""
    return MeterFacts(
        meter_id=meter_id,
        aliases=tuple(message.aliases),
        system_title=message.system_title,
        logical_device_name=message.logical_device_name,
        serial=message.serial,
        inventory_id=message.inventory_id,
        **traits._asdict(),
        access=access_of(message.access) if message.HasField("access") else NO_ACCESS,
    )


def facts_of(record: Record) -> MeterFacts:
    """Read a meter's record; raises RegistryInvalid."""
    try:
        message = pb.Meter.FromString(record.value or b"")
        return meter_facts(record.key.decode().removeprefix(METER), message, traits_of(message.traits))
    except (DecodeError, UnicodeDecodeError) as error:
        raise RegistryInvalid(f"the registry's record {record.key[:60]!r} is not readable: {error}") from None


def traits_of(message: pb.Traits) -> Traits:
    """Read what meters have in common."""
    limits = message.limits if message.HasField("limits") else None
    return Traits(
        message.group,
        message.utility,
        message.zone,
        message.dialect,
        _PROTECTIONS.get(message.min_protection),
        NO_LIMITS
        if limits is None
        else Limits(
            limits.fuse_a if limits.HasField("fuse_a") else None,
            limits.ct_primary_a if limits.HasField("ct_primary_a") else None,
            limits.phases if limits.HasField("phases") else None,
            limits.nominal_v if limits.HasField("nominal_v") else None,
        ),
        {
            format_obis(profile.obis): ProfileFacts(tuple(map(_column, profile.columns)), profile.period_s)
            for profile in message.profiles
            if len(profile.obis) == 6
        },
    )


def access_of(message: pb.Access) -> Access:
    """Read how a meter is reached."""
    told = {field.name: getattr(message, field.name) for field, _ in message.ListFields()}
    return replace(NO_ACCESS, **told | {"schedules": tuple(message.schedules)})


def _access_message(access: Access) -> pb.Access | None:
    told = {field.name: getattr(access, field.name) for field in fields(access)}
    return pb.Access(**told) if access != NO_ACCESS else None


def _column(message: pb.Column) -> Column:
    stated = message.HasField("scaler") and message.HasField("unit")
    obis = format_obis(message.obis if len(message.obis) == 6 else bytes(6))
    scaler_unit = ScalerUnit(message.scaler, message.unit) if stated else None
    return Column(message.class_id, obis, message.attribute, message.data_index, scaler_unit)


def _traits_message(facts: MeterFacts) -> pb.Traits:
    demanded = next((code for code, one in _PROTECTIONS.items() if one is facts.min_protection), None)
    limits = facts.limits
    message = pb.Traits(
        group=facts.group,
        utility=facts.utility,
        zone=facts.zone,
        dialect=facts.dialect,
        min_protection=demanded or pb.MIN_PROTECTION_UNSPECIFIED,
        limits=None
        if limits == NO_LIMITS
        else pb.Limits(
            fuse_a=limits.fuse_a,
            ct_primary_a=limits.ct_primary_a,
            phases=limits.phases,
            nominal_v=limits.nominal_v,
        ),
    )
    for obis, profile in sorted(facts.profiles.items()):
        message.profiles.add(
            obis=parse_obis(obis), period_s=profile.period_s, columns=[_column_message(one) for one in profile.columns]
        )
    return message


def _column_message(column: Column) -> pb.Column:
    stated = column.scaler_unit
    return pb.Column(
        class_id=column.class_id,
        obis=parse_obis(column.obis),
        attribute=column.attribute,
        data_index=column.data_index,
        scaler=stated.scaler if stated else None,
        unit=stated.unit if stated else None,
    )


# --- keys


class KeyName(NamedTuple):
    """What a key version's record key says."""

    system_title: bytes
    kind: KeyKind
    version: str


def key_record(
    name: KeyName, key: bytes, store: KeyStore, *, from_us: int = BEGIN, until_us: int = END
) -> tuple[KeyName, Record]:
    """Return the record of a key, wrapped; its version is `name`'s, or the key's own where that is empty.

    Raises KeyStoreAway and KeyUnavailable.
    """
    name = name._replace(version=name.version or version_of(name.kind, key))
    record_key = key_name(*name)
    return name, version_record(
        KeyVersion(name.kind, name.version, from_us, until_us, store.wrap(key, record_key)), name
    )


def version_record(version: KeyVersion, name: KeyName) -> Record:
    """Return the record of a key that is wrapped already."""
    message = pb.KeyVersion(
        valid_from_us=max(version.from_us, 0),
        valid_until_us=0 if version.until_us >= END else version.until_us,
        wrapped=pb.Wrapped(
            kek_id=version.wrapped.kek_id, nonce=version.wrapped.nonce, ciphertext=version.wrapped.ciphertext
        ),
    )
    return Record(key_name(*name), message.SerializeToString(deterministic=True))


def name_of(key: bytes) -> KeyName:
    """Read the record key of a key version; raises RegistryInvalid."""
    try:
        _, title, kind, version = key.decode().split("/")
        name = KeyName(_title_of(title), _KINDS[kind], version)
        valid = len(name.system_title) == 8 and len(bytes.fromhex(version)) == 4
    except (ValueError, KeyError):
        valid = False
    if not valid:
        raise RegistryInvalid(f"the registry's record key {key[:60]!r} names no key version.")
    return name


_KINDS: Final = {kind.value: kind for kind in KeyKind}


@lru_cache(maxsize=4)  # the versions of one meter come together
def _title_of(text: str) -> bytes:
    return bytes.fromhex(text)


def version_of_record(record: Record, name: KeyName) -> KeyVersion:
    """Read the record of the key version that its record key names; raises RegistryInvalid."""
    try:
        message = pb.KeyVersion.FromString(record.value or b"")
    except DecodeError as error:
        raise RegistryInvalid(f"the registry's record {record.key[:60]!r} is not readable: {error}") from None
    wrapped = message.wrapped
    return KeyVersion(
        name.kind,
        name.version,
        message.valid_from_us or BEGIN,
        message.valid_until_us or END,
        Wrapped(wrapped.kek_id, wrapped.nonce, wrapped.ciphertext),
    )


# --- mappings


def mapping_record(dialects: Dialects) -> Record:
    """Return the record of the mapping in force, complete."""
    files = [pb.MappingFile(name=one.name, content=one.content, built_in=one.built_in) for one in dialects.files]
    key = f"{MAPPING}{dialects.content_hash}".encode()
    return Record(key, pb.Mapping(files=files).SerializeToString(deterministic=True))


def dialects_of_record(record: Record) -> Dialects:
    """Return the dialects that were in force under a hash; raises RegistryInvalid and MappingInvalid."""
    try:
        message = pb.Mapping.FromString(record.value or b"")
    except DecodeError as error:
        raise RegistryInvalid(f"the registry's record {record.key[:60]!r} is not readable: {error}") from None
    found = Dialects.of_files(MappingFile(file.name, file.content, file.built_in) for file in message.files)
    if record.key != f"{MAPPING}{found.content_hash}".encode():
        raise RegistryInvalid(
            f"the registry's record {record.key[:60]!r} holds another mapping, {found.content_hash}; "
            "it was changed, or written by a version that hashes otherwise."
        )
    return found


# --- promotions


def promotion_record(revision: int, at_us: int, text: str) -> Record:
    """Return the record that makes a revision the one of live readings; `text` says what it was for."""
    message = pb.Promotion(promoted_us=at_us, text=text)
    return Record(f"{PROMOTION}{revision}".encode(), message.SerializeToString(deterministic=True))
