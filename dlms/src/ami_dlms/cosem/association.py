"""The current association (class 15, version 1): what this client may see, and how it associated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ami_dlms import axdr
from ami_dlms.apdu import Conformance
from ami_dlms.axdr import BitString, Data, Tag
from ami_dlms.cosem.objects import CosemObject
from ami_dlms.cosem.security import SECURITY_SETUP

CURRENT_ASSOCIATION = bytes((0, 0, 40, 0, 0, 255))
REPLY_TO_HLS = 1
OBJECT_LIST = 2
DLMS_VERSION = 6
CONFORMANCE_BITS = 24
APPLICATION_CONTEXT = bytes.fromhex("608574050801")
AUTHENTICATION_MECHANISM = bytes.fromhex("608574050802")
"""Object identifiers 2.16.756.5.8.1 and .2; the last arc is added."""
READ, READ_WRITE = 1, 3
NO_ACCESS, ACCESS = 0, 1
ASSOCIATED = 2


class AssociationLN(CosemObject):
    """The association as the client sees it."""

    class_id = 15
    version = 1
    methods = (REPLY_TO_HLS, 2, 3, 4)

    def __init__(
        self,
        objects: Mapping[bytes, CosemObject],
        *,
        client_sap: int,
        server_sap: int,
        ciphered: bool,
        mechanism: int,
        conformance: Conformance,
        max_receive: int,
        max_send: int,
    ) -> None:
        """`objects` are those this client may see; `mechanism` is the last arc of the mechanism's name."""
        self._others = objects
        context = axdr.structure(
            Data(Tag.BIT_STRING, BitString(CONFORMANCE_BITS, int(conformance).to_bytes(3, "big"))),
            axdr.uint16(max_receive),
            axdr.uint16(max_send),
            axdr.uint8(DLMS_VERSION),
            axdr.int8(0),
            axdr.octets(b""),
        )
        super().__init__(
            CURRENT_ASSOCIATION,
            {
                OBJECT_LIST: self._object_list,
                # Client SAPs beyond 127 exist on the wrapper only, where an integer has no room for them.
                3: axdr.structure(
                    axdr.int8(client_sap) if client_sap < 0x80 else axdr.uint16(client_sap), axdr.uint16(server_sap)
                ),
                4: axdr.octets(APPLICATION_CONTEXT + bytes((3 if ciphered else 1,))),
                5: context,
                6: axdr.octets(AUTHENTICATION_MECHANISM + bytes((mechanism,))),
                8: axdr.enum(ASSOCIATED),
                9: axdr.octets(SECURITY_SETUP),
            },
        )

    def _object_list(self) -> Data:
        return axdr.array(*(_element(item) for item in (*self._others.values(), self)))


def _element(item: CosemObject) -> Data:
    """Return the object_list_element with its access rights (Blue Book 4.4.4.2.2)."""
    reply: Callable[[int], bool] = lambda method: isinstance(item, AssociationLN) and method == REPLY_TO_HLS  # noqa: E731
    attributes = (
        axdr.structure(
            axdr.int8(attribute),
            axdr.enum(READ_WRITE if attribute in item.setters else READ),
            axdr.array(*map(axdr.int8, item.selectors[attribute])) if attribute in item.selectors else axdr.NULL,
        )
        for attribute in sorted(item.attributes)
    )
    methods = (
        axdr.structure(axdr.int8(method), axdr.enum(ACCESS if reply(method) else NO_ACCESS)) for method in item.methods
    )
    return axdr.structure(
        axdr.uint16(item.class_id),
        axdr.uint8(item.version),
        axdr.octets(item.logical_name),
        axdr.structure(axdr.array(*attributes), axdr.array(*methods)),
    )


class VisibleObjects(Mapping[bytes, CosemObject]):
    """What the client of an association may see: objects of the device, and the association itself.

    The latter is made when it is asked for. Most clients never do, and a device of many clients keeps little for each.
    """

    __slots__ = ("_association", "_objects")

    def __init__(
        self,
        objects: Mapping[bytes, CosemObject],
        association: Callable[[Mapping[bytes, CosemObject]], AssociationLN],
    ) -> None:
        self._objects, self._association = objects, association

    def __getitem__(self, name: bytes) -> CosemObject:
        return self._association(self._objects) if name == CURRENT_ASSOCIATION else self._objects[name]

    def __iter__(self) -> Iterator[bytes]:
        yield from self._objects
        yield CURRENT_ASSOCIATION

    def __len__(self) -> int:
        return len(self._objects) + 1
