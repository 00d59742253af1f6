"""The shapes in which meters say their values, one module each; none knows a maker, all are pure.

`lists` bodies that name their objects · `push_list` bodies that begin with the list of their objects · `positional`
lists explained by a dialect · `profile` buffers to interval blocks · `telegram` DSMR P1 text · `objects` one object's
data to one reading.
"""
