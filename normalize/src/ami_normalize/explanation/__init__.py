"""`ami explain`: a message octet by octet, and how each of its values came about.

`frames` the frames around an APDU · `security` the layers of protection · `words` what an element says to a person ·
`origins` which element and which rule a value comes from · `page` all of it as one object · `made` what Kafka holds of
it, and how that differs
"""
