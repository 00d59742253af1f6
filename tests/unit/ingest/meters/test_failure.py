"""An association that did not come about: the wording is one, the cause is that of the error."""

import pytest

from ami_dlms.errors import ApduMalformed, AssociationRefused, AuthenticationFailed, LinkError, TagMismatch
from ami_ingest.meters import failure

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (AssociationRefused("no", diagnostic=13), "the meter refuses this client"),
        (LinkError("DM"), "the meter refuses this client's HDLC link"),
        (AuthenticationFailed("another secret"), "meter and client do not prove the same secret"),
        (TagMismatch("the tag"), "the meter's answer is ciphered with another key"),
    ],
)
def test_the_cause_is_that_of_the_error(error, cause):
    said = failure.rejected(error)

    assert str(said).startswith("DLMS Association Rejected (")
    assert said.code == "ASSOCIATION_REJECTED"
    assert said.cause.startswith(cause)
    assert said.remedy


def test_an_answer_that_makes_no_sense_is_no_rejection():
    assert failure.rejected(ApduMalformed("half an AARE")).code == "EXCHANGE_FAILED"
