# SPDX-License-Identifier: GPL-2.0-only
"""How fast gurux_dlms opens and decodes ciphered pushes, on one core: the yardstick of our benchmarks.

stdin holds {"hex", "encryption", "authentication"} a line; `decode_rate.py SECONDS` works through them again and again for
that long and prints {"rate": messages a second of process time, "values": of the first message, "failed": how many of the
messages it does not read}. Each meter has a client of its own, made beforehand: only its work on the message is measured.
"""

import contextlib
import json
import os
import sys
import time

from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType, Security
from gurux_dlms.secure import GXDLMSSecureClient


def client(encryption: str, authentication: str) -> GXDLMSSecureClient:
    made = GXDLMSSecureClient(True, 16, 1, Authentication.NONE, None, InterfaceType.PDU)
    made.ciphering.security = Security.AUTHENTICATION_ENCRYPTION
    made.ciphering.blockCipherKey = bytearray.fromhex(encryption)
    made.ciphering.authenticationKey = bytearray.fromhex(authentication)
    return made


def decode(receiver: GXDLMSSecureClient, message: bytes) -> object:
    reply = GXReplyData()
    receiver.getData(GXByteBuffer(message), reply)
    return reply.value


def readable(receiver: GXDLMSSecureClient, message: bytes) -> bool:
    try:
        decode(receiver, message)
    except Exception:  # its errors have no class of their own
        return False
    return True


def plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.hex() if isinstance(value, (bytes, bytearray)) else value


def main() -> None:
    lines = [json.loads(line) for line in sys.stdin]
    work = [(client(line["encryption"], line["authentication"]), bytes.fromhex(line["hex"])) for line in lines]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # it remarks on each message
        values = plain(decode(*work[0]))
        failed = sum(not readable(*item) for item in work)
        done, began, until = 0, time.process_time(), time.perf_counter() + float(sys.argv[1])
        while time.perf_counter() < until:
            readable(*work[done % len(work)])
            done += 1
        rate = done / (time.process_time() - began)
    print(json.dumps({"rate": rate, "values": values, "failed": failed}))


if __name__ == "__main__":
    main()
