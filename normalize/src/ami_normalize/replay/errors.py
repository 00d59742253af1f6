"""What goes wrong with a replay, each with a sentence and what to do."""

from __future__ import annotations

from ami_normalize.errors import NormalizeError


class ReplayError(NormalizeError):
    """Any of them."""

    reason = "REPLAY"


class ReplayUnknown(ReplayError):
    """There is no replay of that id."""

    reason = "REPLAY_UNKNOWN"


class MappingUnknown(ReplayError):
    """The registry holds no mapping of that hash."""

    reason = "MAPPING_UNKNOWN"


class ReplayDiffers(ReplayError):
    """A replay cannot go on with other mappings, meters or another decoder than it was begun with."""

    reason = "REPLAY_DIFFERS"


class ReplayTaken(ReplayError):
    """Another process runs the same replay."""

    reason = "REPLAY_TAKEN"


class ReplayUnfinished(ReplayError):
    """A replay has not read all of its range."""

    reason = "REPLAY_UNFINISHED"


class LiveExpired(ReplayError):
    """Live readings of the range have left Kafka: what vanished cannot be told."""

    reason = "LIVE_EXPIRED"
