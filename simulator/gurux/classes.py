# SPDX-License-Identifier: GPL-2.0-only
"""Independent word on the interface classes: for each class and version of the gurux_dlms library, one JSON line.

{"class_id", "version", "attributes": count, "methods": count, "types": {attribute: tag}}, or {"class_id", "version",
"error"} where the library cannot say. Versions are asked for on the command line as CLASS/VERSION.
"""

import json
import sys

from gurux_dlms import GXDLMSClient
from gurux_dlms.enums import ObjectType


def said(class_id: int, version: int) -> dict[str, object]:
    """Return what the library says of one version of a class."""
    line: dict[str, object] = {"class_id": class_id, "version": version}
    try:
        instance = GXDLMSClient.createObject(ObjectType(class_id))
        instance.version = version
        attributes = instance.getAttributeCount()
        return {
            **line,
            "attributes": attributes,
            "methods": instance.getMethodCount(),
            "types": {index: type_of(instance, index) for index in range(1, attributes + 1)},
        }
    except Exception as error:  # whatever a class of the library stumbles over, the others are asked
        return {**line, "error": f"{type(error).__name__}: {error}"}


def type_of(instance: object, index: int) -> int | None:
    """Return the tag of an attribute's type, where the library says one."""
    try:
        return int(instance.getDataType(index))
    except Exception:  # the library knows no type
        return None


def main() -> int:
    """Answer for each CLASS/VERSION on the command line."""
    for word in sys.argv[1:]:
        class_id, _, version = word.partition("/")
        print(json.dumps(said(int(class_id), int(version))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
