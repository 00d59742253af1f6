"""The Avro schemas of the archive. `schemas/avro/*.avsc` are the same for other programs; a test compares.

A field that is added later is nullable and has a default: old files stay readable.
"""

from typing import Any, Final

RECORD: Final[dict[str, Any]] = {
    "type": "record",
    "name": "Record",
    "namespace": "ami.archive.v1",
    "doc": "A Kafka record, exactly as it was.",
    "fields": [
        {"name": "topic", "type": "string", "doc": "The topic it stood in."},
        {"name": "partition", "type": "int", "doc": "Its partition."},
        {"name": "offset", "type": "long", "doc": "Its offset in the partition."},
        {"name": "timestamp_ms", "type": "long", "doc": "Its timestamp, milliseconds since 1970-01-01T00:00:00Z."},
        {
            "name": "timestamp_type",
            "type": {"type": "enum", "name": "TimestampType", "symbols": ["NONE", "CREATE_TIME", "LOG_APPEND_TIME"]},
            "doc": "Who set the timestamp: nobody, the producer, the broker.",
        },
        {"name": "key", "type": ["null", "bytes"], "doc": "Its key."},
        {"name": "value", "type": ["null", "bytes"], "doc": "Its value."},
        {
            "name": "headers",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Header",
                    "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": ["null", "bytes"]}],
                },
            },
            "doc": "Its headers, in order; a name may stand twice.",
        },
    ],
}
