# SPDX-License-Identifier: GPL-2.0-only
"""An independent reading of APDUs: gurux_dlms behind stdin and stdout, one JSON object a line each way.

Requests, each answered by {"ok": …} or {"error": "what the library says"}:

    {"op": "decode", "apdu": HEX}                  its tree, as the library's translator tells it
    {"op": "decode", "apdu": HEX, "cipher": C}     the same behind the ciphering, and "plaintext": HEX
    {"op": "value", "apdu": HEX}                   the value of a GET response, as the library's client gives it
    {"op": "encode", "tree": TREE}                 the APDU of a tree
    {"op": "protect", "service": "get" | "set" | "action", "object": [CLASS, OBIS, INDEX], "data": DATA, "cipher": C}
    {"op": "protect", "service": "notification", "body": HEX of A-XDR, "cipher": C}

C is {"encryption": HEX, "authentication": HEX, "system_title": HEX, "suite": N, "security": NAME, "counter": N}; the last
two only where something is ciphered. A TREE is [name, value] with a value of text, or [name, [TREE, …]]; data are nodes
of the names in DATA_NAMES. Runs as a process of its own; it shares no memory and no code with the gateway.
"""

import contextlib
import json
import re
import sys
import xml.etree.ElementTree as ET

from gurux_dlms import GXByteBuffer, GXDate, GXDateTime, GXDLMSTranslator, GXReplyData, GXTime
from gurux_dlms.enums import Authentication, DataType, InterfaceType, ObjectType, Security
from gurux_dlms.objects import GXDLMSData, GXDLMSRegister, GXDLMSSecuritySetup
from gurux_dlms.objects.enums import SecuritySuite
from gurux_dlms.secure import GXDLMSSecureClient, GXDLMSSecureNotify

DATA_NAMES = {
    "None": "null-data",
    "Array": "array",
    "Structure": "structure",
    "Boolean": "boolean",
    "BitString": "bit-string",
    "Int32": "double-long",
    "UInt32": "double-long-unsigned",
    "OctetString": "octet-string",
    "String": "visible-string",
    "StringUTF8": "utf8-string",
    "BCD": "bcd",
    "Int8": "integer",
    "Int16": "long",
    "UInt8": "unsigned",
    "UInt16": "long-unsigned",
    "Int64": "long64",
    "UInt64": "long64-unsigned",
    "Enum": "enum",
    "Float32": "float32",
    "Float64": "float64",
    "DateTime": "date-time",
    "Date": "date",
    "Time": "time",
}
ELEMENTS = {name: element for element, name in DATA_NAMES.items()}
CONTAINERS = ("array", "structure")
HOLDS_DATA = {
    "Data", "DataValue", "Value", "AttributeValue", "AccessParameters", "MethodInvocationParameters", "array", "structure",
}  # fmt: skip
"""Elements whose children are data; elsewhere DateTime and Time are fields of the APDU."""

SECURITIES = {
    "none": Security.NONE,
    "authenticated": Security.AUTHENTICATION,
    "encrypted": Security.ENCRYPTION,
    "authenticated-encrypted": Security.AUTHENTICATION_ENCRYPTION,
}


def translator(cipher: dict | None = None) -> GXDLMSTranslator:
    made = GXDLMSTranslator()
    made.omitXmlNameSpace = made.omitXmlDeclaration = True
    if cipher:
        made.comments = True  # the deciphered APDU is only told in a comment
        made.security = Security.AUTHENTICATION_ENCRYPTION
        made.blockCipherKey = bytearray.fromhex(cipher["encryption"])
        made.authenticationKey = bytearray.fromhex(cipher["authentication"])
        made.systemTitle = made.serverSystemTitle = bytearray.fromhex(cipher["system_title"])
    return made


def decode(request: dict) -> dict:
    apdu, answer = bytes.fromhex(request["apdu"]), {}
    if "cipher" in request:
        xml = translator(request["cipher"]).pduToXml(apdu)
        told = re.search(r"Decrypt data: ([0-9A-F ]+)", xml)
        if not told:
            raise ValueError("nothing was deciphered")
        apdu = bytes.fromhex(told[1])
        answer["plaintext"] = apdu.hex()
    return {**answer, "tree": tree(ET.fromstring(translator().pduToXml(apdu)))}


def tree(element: ET.Element, holder: str = "") -> list:
    """An element as [name, value] or [name, children]; data under the names of the standard."""
    name = DATA_NAMES.get(element.tag, element.tag) if holder in HOLDS_DATA else element.tag
    if "Value" in element.attrib:
        return [name, element.attrib["Value"]]
    if "Name" in element.attrib:
        return [name, element.attrib["Name"]]
    return [name, [tree(child, name) for child in element]]


def element(node: list, holder: str = "") -> ET.Element:
    """The element of a tree."""
    name, value = node
    made = ET.Element(ELEMENTS.get(name, name) if holder in HOLDS_DATA else name)
    if isinstance(value, str):
        told = str(int(value == "True")) if name == "boolean" else value  # it writes True and reads 1
        made.set("Name" if name == "ConformanceBit" else "Value", told)
        return made
    if name in CONTAINERS or name.endswith("List"):
        made.set("Qty", f"{len(value):02X}")
    made.extend(element(child, name) for child in value)
    return made


def encode(request: dict) -> str:
    return translator().xmlToHexPdu(ET.tostring(element(request["tree"]), encoding="unicode"))


def value(request: dict) -> object:
    client = GXDLMSSecureClient(True, 16, 1, Authentication.NONE, None, InterfaceType.PDU)
    reply = GXReplyData()
    client.getData(GXByteBuffer(bytes.fromhex(request["apdu"])), reply)
    if reply.error:
        return {"error": reply.error}
    return plain(reply.value)


def plain(found: object) -> object:
    """A value of the library as JSON."""
    if isinstance(found, (list, tuple)):
        return [plain(item) for item in found]
    if isinstance(found, (bytes, bytearray)):
        return found.hex()
    if isinstance(found, GXTime):
        return found.value.time().isoformat()
    if isinstance(found, GXDate):
        return found.value.date().isoformat()
    if isinstance(found, GXDateTime):
        return found.value.isoformat()
    if found is None or isinstance(found, (bool, str)):
        return found
    if isinstance(found, float):
        return float(found)
    return int(found) if isinstance(found, int) else str(found)


def protect(request: dict) -> str:
    cipher = request["cipher"]
    notification = request["service"] == "notification"
    kind = GXDLMSSecureNotify if notification else GXDLMSSecureClient
    options = (True, 16, 1) if notification else (True, 16, 1, Authentication.NONE, None)
    speaker = kind(*options, InterfaceType.PDU)
    speaker.ciphering.securitySuite = SecuritySuite(cipher["suite"])
    speaker.ciphering.security = SECURITIES[cipher["security"]]
    speaker.ciphering.systemTitle = bytearray.fromhex(cipher["system_title"])
    speaker.ciphering.blockCipherKey = bytearray.fromhex(cipher["encryption"])
    speaker.ciphering.authenticationKey = bytearray.fromhex(cipher["authentication"])
    speaker.ciphering.invocationCounter = cipher["counter"]
    if notification:
        frames = speaker.generateDataNotificationMessages(None, GXByteBuffer(bytes.fromhex(request["body"])))
    else:
        frames = requests(speaker, request)
    if len(frames) != 1:
        raise ValueError(f"{len(frames)} frames")
    return bytes(frames[0]).hex()


def requests(client: GXDLMSSecureClient, request: dict) -> list:
    class_id, obis, index = request["object"]
    item = {ObjectType.DATA: GXDLMSData, ObjectType.REGISTER: GXDLMSRegister}.get(class_id, GXDLMSSecuritySetup)(obis)
    if request["service"] == "get":
        return client.read(item, index)
    name, told = request["data"]
    data_type = next(kind for kind in DataType if type_name(kind) == name)
    content = bytearray.fromhex(told) if data_type == DataType.OCTET_STRING else told
    if request["service"] == "action":
        return client.method(item, index, content, data_type)
    item.value = content
    item.setDataType(index, data_type)
    return client.write(item, index)


def type_name(kind: DataType) -> str:
    return {DataType.OCTET_STRING: "octet-string", DataType.UINT32: "double-long-unsigned", DataType.INT16: "long"}.get(kind, "")


OPERATIONS = {"decode": decode, "value": value, "encode": encode, "protect": protect}


def answer(line: str) -> dict:
    request = json.loads(line)
    # The library remarks on what it does on stdout; that belongs to our JSON lines alone.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            return {"ok": OPERATIONS[request["op"]](request)}
        except Exception as error:  # noqa: BLE001  whatever it is, it is the library's answer
            return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(answer(line)), flush=True)


if __name__ == "__main__":
    main()
