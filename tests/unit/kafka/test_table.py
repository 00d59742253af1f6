"""Where a key is: Java's murmur2, so that one partition can be read for one key."""

import pytest

from ami_kafka.table import murmur2, partition_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("key", "signed"),  # of org.apache.kafka.common.utils.UtilsTest
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_javas(key, signed):
    assert murmur2(key) == signed & 0xFFFFFFFF
    assert partition_of(key, 12) == (signed & 0x7FFFFFFF) % 12
