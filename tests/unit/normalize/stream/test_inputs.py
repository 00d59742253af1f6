"""Keys and mappings in force: taken over when they change, refused when they are broken."""

import pytest
import structlog

from ami_keys.errors import KeysUnreadable
from ami_normalize.errors import MappingInvalid, SettingsInvalid
from ami_normalize.stream.inputs import Inputs
from ami_normalize.stream.settings import Settings

pytestmark = pytest.mark.unit

LOG = structlog.wrap_logger(structlog.ReturnLogger())
TITLE, KEY = "414d490000000001", "00" * 16


def keyed(tmp_path, text, mode=0o600):
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_changed_keys_are_taken_over_and_broken_ones_refused(tmp_path):
    path = keyed(tmp_path, "{}")
    inputs = Inputs(Settings("localhost:9", keys=path), LOG)
    path.write_text(f'{{"{TITLE}": {{"guek": "{KEY}", "gak": null}}}}')
    inputs.refresh()
    assert len(inputs.context.keys) == 1
    path.write_text("{broken")
    inputs.refresh()
    assert len(inputs.context.keys) == 1


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("{}", 0o640, "chmod 600"),
        ("[]", 0o600, "not a JSON object"),
        ("{", 0o600, "not JSON"),
        ('{"12": {}}', 0o600, "no system title"),
        (f'{{"{TITLE}": {{}}}}', 0o600, '"guek" is missing'),
        (f'{{"{TITLE}": {{"guek": "ab"}}}}', 0o600, "32"),
    ],
)
def test_an_unusable_key_file_is_one_sentence(tmp_path, text, mode, sentence):
    with pytest.raises(KeysUnreadable, match=sentence):
        Inputs(Settings("localhost:9", keys=keyed(tmp_path, text, mode)), LOG)


def test_missing_files_and_unknown_zones_are_one_sentence(tmp_path):
    with pytest.raises(KeysUnreadable, match="cannot be read"):
        Inputs(Settings("localhost:9", keys=tmp_path / "none.json"), LOG)
    with pytest.raises(MappingInvalid, match="cannot be read"):
        Inputs(Settings("localhost:9", mappings=(tmp_path / "none" / "none.json",)), LOG)
    with pytest.raises(SettingsInvalid, match="no time zone"):
        Inputs(Settings("localhost:9", default_zone="Mars/Base"), LOG)


def test_keys_never_show(tmp_path):
    path = keyed(tmp_path, f'{{"{TITLE}": {{"guek": "{KEY}", "gak": "{KEY}"}}}}')
    inputs = Inputs(Settings("localhost:9", keys=path), LOG)
    found = inputs.context.keys.find(bytes.fromhex(TITLE))
    assert KEY not in repr(found)
    assert KEY not in repr(inputs.context)
