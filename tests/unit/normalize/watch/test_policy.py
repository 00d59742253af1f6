"""Limits come from a file; what is wrong in it is named."""

import pytest

from ami_normalize.errors import SettingsInvalid
from ami_normalize.watch.rules.policy import Policy, load

pytestmark = pytest.mark.unit


@pytest.fixture
def loaded(tmp_path):
    def load_text(text):
        path = tmp_path / "watch.yaml"
        path.write_text(text)
        return load(path)

    return load_text


def test_an_empty_file_changes_nothing(loaded):
    assert loaded("") == Policy()


def test_what_is_set_is_set_and_all_else_stays(loaded):
    policy = loaded("presence: {factor: 3}\nsecurity: {reasons: {TAG_MISMATCH: 10, FRAME_MALFORMED: 100}}\n")
    assert policy.presence.factor == 3
    assert policy.presence.at_least_s == Policy().presence.at_least_s
    assert policy.clock == Policy().clock
    assert policy.security.reasons["TAG_MISMATCH"] == 10
    assert policy.security.reasons["FRAME_MALFORMED"] == 100
    assert policy.security.reasons["DOWNGRADED"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "no mapping"),
        ("silence: {}", "there is no 'silence'"),
        ("presence: {times: 3}", "presence: there is no 'times', only factor"),
        ("clock: {limit_s: soon}", "clock.limit_s is 'soon', not a number above 0"),
        ("clock: {limit_s: 0}", "clock.limit_s is 0"),
        ("clock: {limit_s: true}", "clock.limit_s is True"),
        ("clock: {limit_s: .nan}", "clock.limit_s is nan"),
        ("clock: 3", "clock is no mapping"),
        ("security: {reasons: {NOISE: 1}}", "there is no 'NOISE'"),
        ("a: [", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(loaded, text, words):
    with pytest.raises(SettingsInvalid, match=r"docs/watch\.md") as raised:
        loaded(text)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(SettingsInvalid, match=r"none\.yaml cannot be read"):
        load(tmp_path / "none.yaml")
