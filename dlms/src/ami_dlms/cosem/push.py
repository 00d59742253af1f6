"""Push setup (class 40, version 0): what the device sends by itself, and where to."""

from __future__ import annotations

from collections.abc import Sequence

from ami_dlms import axdr
from ami_dlms.cosem.objects import CosemObject
from ami_dlms.selective import CaptureObject

PUSH_SETUP = bytes((0, 0, 25, 9, 0, 255))
TCP = 0
UDP = 1


class PushSetup(CosemObject):
    """One push; method 1 starts it, which no client may yet."""

    class_id = 40
    methods = (1,)

    def __init__(
        self,
        objects: Sequence[CaptureObject],
        *,
        service: int = TCP,
        destination: bytes = b"",
        logical_name: bytes = PUSH_SETUP,
    ) -> None:
        """`destination` is `host:port` in ASCII."""
        super().__init__(
            logical_name,
            {
                2: axdr.array(*(pushed.to_data() for pushed in objects)),
                3: axdr.structure(axdr.enum(service), axdr.octets(destination), axdr.enum(0)),
                4: axdr.array(),
                5: axdr.uint16(0),
                6: axdr.uint8(0),
                7: axdr.uint16(0),
            },
        )
