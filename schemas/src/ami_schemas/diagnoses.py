"""What is wrong with the keys of a message that does not open: stable codes, with what they mean and what to do.

The code stands in the header `dlq.diagnosis`, the sentence in `dlq.message`. A code is never renamed and never reused.
"""

from __future__ import annotations

from enum import Enum


class Diagnosis(str, Enum):
    """The codes. `meaning` and `remedy` explain each."""

    meaning: str
    remedy: str

    def __new__(cls, code: str, meaning: str, remedy: str) -> Diagnosis:
        """Make a member whose value is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.remedy = remedy
        return member

    WRONG_EK = (
        "WRONG_EK",
        "no encryption key known of the meter yields an APDU",
        "register the meter's encryption key (guek)",
    )
    AK_MISSING = (
        "AK_MISSING",
        "the encryption key is right, and no authentication key is known",
        "register the meter's authentication key (gak)",
    )
    AK_WRONG = (
        "AK_WRONG",
        "the encryption key is right, and the tag does not verify under the authentication key known",
        "register the meter's authentication key (gak)",
    )
    OTHER_KEY_VERSION = (
        "OTHER_KEY_VERSION",
        "a key version that was not in force together with the others opens it",
        "correct the validity of the key version named",
    )
    WRONG_SYSTEM_TITLE = (
        "WRONG_SYSTEM_TITLE",
        "the message opens under another system title than it is said to be of",
        "correct the system title in the inventory of the agent, or in the meter",
    )
    KEYS_OF_ANOTHER = (
        "KEYS_OF_ANOTHER",
        "the keys registered of another meter open it",
        "register these keys under the system title of this meter: they were mixed up",
    )
    CORRUPT_FRAME = (
        "CORRUPT_FRAME",
        "the keys are right, and octets were changed on the way",
        "look at the line and at what stands between meter and agent",
    )
