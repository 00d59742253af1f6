"""What every COSEM object can do: be read, written and told to act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Union

from ami_dlms import axdr
from ami_dlms.apdu import ActionOutcome, ActionResult, DataAccessResult, SelectiveAccess
from ami_dlms.axdr import Data

Value = Union[Data, Callable[[], Data]]
"""An attribute's value, or what computes it when it is read."""


class CosemObject:
    """An instance of an interface class, with its attributes by number; attribute 1 is its logical name."""

    class_id: ClassVar[int]
    version: ClassVar[int] = 0
    selectors: ClassVar[Mapping[int, tuple[int, ...]]] = {}
    """Access selectors by attribute."""
    methods: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self,
        logical_name: bytes,
        attributes: Mapping[int, Value],
        setters: Mapping[int, Callable[[Data], DataAccessResult]] | None = None,
    ) -> None:
        """`setters` makes attributes writable: each checks a value, takes it, and says how that went."""
        self.logical_name = logical_name
        self.attributes: dict[int, Value] = {1: axdr.octets(logical_name), **attributes}
        self.setters = dict(setters or {})

    def read(self, attribute: int, access: SelectiveAccess | None = None) -> Data | DataAccessResult:
        """Return an attribute's value, or why there is none."""
        value = self.attributes.get(attribute)
        if value is None:
            return DataAccessResult.OBJECT_UNDEFINED
        if access is not None:
            if access.selector not in self.selectors.get(attribute, ()):
                return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
            return self.select(attribute, access)
        return value() if callable(value) else value

    def select(self, attribute: int, access: SelectiveAccess) -> Data | DataAccessResult:  # noqa: ARG002  # for subclasses
        """Return the selected part of an attribute; called only for the class's `selectors`."""
        return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED

    def write(self, attribute: int, value: Data) -> DataAccessResult:
        """Set an attribute."""
        if attribute not in self.attributes:
            return DataAccessResult.OBJECT_UNDEFINED
        setter = self.setters.get(attribute)
        return DataAccessResult.READ_WRITE_DENIED if setter is None else setter(value)

    def invoke(self, method: int, parameter: Data | None) -> ActionResult | ActionOutcome:  # noqa: ARG002  # for subclasses
        """Run a method; say how that went, with what it returns if anything."""
        return ActionResult.READ_WRITE_DENIED if method in self.methods else ActionResult.OBJECT_UNDEFINED
