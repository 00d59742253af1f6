"""What goes wrong outside the messages: unreadable mappings or settings; of keys see `ami_keys.errors`.

What is wrong with a message is never an exception that escapes: see `pipeline.outcome`.
"""

from __future__ import annotations


class NormalizeError(Exception):
    """The normalizer cannot work as it is set up; the text says why and what to do."""

    reason = "CONFIGURATION"


class MappingInvalid(NormalizeError):
    """A dialect is not in its form."""

    reason = "MAPPING_INVALID"


class RoutesInvalid(NormalizeError):
    """A file of routes is not in its form."""

    reason = "ROUTES_INVALID"


class SettingsInvalid(NormalizeError):
    """A setting has no usable value."""

    reason = "SETTINGS_INVALID"


class RegistryInvalid(NormalizeError):
    """What is to be registered, or was, is not in its form."""

    reason = "REGISTRY_INVALID"
