"""What a replay normalizes by: the registry and the files as they stand when it begins, and then no change."""

from __future__ import annotations

from dataclasses import replace

from structlog.typing import FilteringBoundLogger

from ami_kafka.table import Row, write
from ami_normalize.pipeline import Context
from ami_normalize.registry.records import MAPPING, dialects_of_record, mapping_record
from ami_normalize.replay.errors import MappingUnknown
from ami_normalize.stream.inputs import Inputs
from ami_normalize.stream.registry_reader import record_of
from ami_normalize.stream.settings import Settings
from ami_schemas import topics


def frozen(settings: Settings, log: FilteringBoundLogger, mapping_hash: str | None = None) -> Context:
    """Return what the live normalizer has in force with the same settings, or its past mapping of that hash.

    Keys are those of the time of each record, by the registry's timelines. A mapping that the registry does not hold is
    written there, so that what is made by it can be made again. Raises NormalizeError and KafkaRoomError.
    """
    inputs = Inputs(settings, log)
    inputs.read_registry()
    context = inputs.context
    if mapping_hash is not None:
        record = record_of(settings.bootstrap, f"{MAPPING}{mapping_hash}".encode())
        if record is None:
            known = ", ".join(sorted(inputs.registry.view.mappings)) or "none"
            raise MappingUnknown(f"the registry holds no mapping '{mapping_hash}'; it holds: {known}")
        return replace(context, dialects=dialects_of_record(record))
    if context.mapping_hash not in inputs.registry.view.mappings:
        write(settings.bootstrap, topics.REGISTRY, [Row(*mapping_record(context.dialects))])
    return context
