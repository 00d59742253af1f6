"""The fast path: how a meter's messages are interpreted is found out once for each shape, not once for each message.

A meter sends the same layout for years. `ami_dlms.shapes` reads the values of a known shape in one step; here the rest
of the pipeline is compiled on top of that, up to the serialized `MeterReadings`. `Normalizer.normalize` gives what
`ami_normalize.pipeline.normalize` gives, octet by octet, on any record. Why that holds:

- Nothing is interpreted here. A **plan** is read off what the generic pipeline made of one message: which slot each
  reading's value comes from. It holds for messages of the same template and the same **signs**, which are all that
  interpretation can see of a string beside its value, of one dialect choice and one meter's registered facts.
- What values decide beyond themselves (a time's origin and quality, numbers that mean "no value", plausibility) is
  evaluated for each message and picks the **layout**: constants of the serialized message with room for the values.
- The first message of each layout is written both ways and compared; a layout that differs is never used.
- Whatever fits no plan goes by the generic pipeline: other framings and protections, several APDUs, telegrams, events,
  values that no `sfixed64` holds.

Compiled ahead of time where there is a C compiler (`compile.py`); the sources give the same.

`opened` record to plain APDU · `signs` what strings steer · `plans` and `plan` how to read a shape · `slots` where its
values stand · `clocks`, `texts`, `received` values that take more than a copy · `message` and `layout` from values to
octets · `who` the meter · `provenance` where it came from · `wire` protobuf in pieces
"""

from ami_normalize.fast.normalizer import Normalizer

__all__ = ["Normalizer"]
