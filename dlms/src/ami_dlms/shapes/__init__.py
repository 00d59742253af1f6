"""The fast path: the generic decoder runs once for each shape of message, not once for each message.

A meter sends the same layout for years; only numbers and times change. The first message of a shape is decoded by the
generic decoder (`ami_dlms.apdu`, `ami_dlms.axdr`), then walked along the result (`trace`): every octet is constant or
part of a value. That gives a `Template`: the length, a mask with ones on constant octets, what they must be, and one
`struct` call for all values. A later message fits if its length is the same and its constant octets are. Then it is

    values = template.read(message)

and `template.rebuild(values)` is what the generic decoder would have made, because everything that steers that decoder
(tags, lengths, counts, flags) is among the constants, and what is left are contents of fixed width. The one content
that can be wrong by itself, utf8 that is not UTF-8, goes to the generic decoder, as does whatever fits no template:
`Shapes.decode` gives and raises what `apdu.decode` does, on any input.

Finding the template costs the same however many there are: messages are looked up by length, then by masked content
in one dictionary for each mask of that length (at most 16). OBIS codes, scalers and units are constants too, so that a
template has one meaning and whoever interprets messages can compile that on top of it (`Template.runs` names what each
value is, `Template.named` the constants, `Template.plan` keeps what was compiled).

    shapes = Shapes()
    plaintext = unprotect(message, keys).plaintext         # tag verified first; errors as in ami_dlms.security
    template, values, _ = decoded = shapes.decode(plaintext)
    decoded.apdu                                            # the generic result, on demand

Shapes have the APDUs in which meters send data: data- and event-notifications, GET responses with and without list. A
value that came in blocks has one as `c4 01 00 00` + the joined blocks, a GET response.

Hostile input: the number of templates and the octets they take are bounded; a template is linear in its message to
make, to keep and to compare; and where what is learned is never used again, learning becomes rare.
"""

from ami_dlms.shapes.cache import Decoded, Shapes
from ami_dlms.shapes.envelope import Seal, system_title, unprotect
from ami_dlms.shapes.skeleton import Field, Fixed, Group, Node, Packed, Path, Rows, Run, Slot
from ami_dlms.shapes.template import Template

__all__ = [
    "Decoded",
    "Field",
    "Fixed",
    "Group",
    "Node",
    "Packed",
    "Path",
    "Rows",
    "Run",
    "Seal",
    "Shapes",
    "Slot",
    "Template",
    "system_title",
    "unprotect",
]
