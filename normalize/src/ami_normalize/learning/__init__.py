"""Unknown layouts: told apart by their form, and learnt from what was parked.

`fingerprint` a layout to a short name that all its messages share · `samples` what parked records hold · `table`
messages of one layout, a column a place · `words` texts and times · `behaviour` what numbers do · `grid`, `energy`,
`power` what they are then taken for · `electricity` all numbers of a list · `proposal` the mapping entry · `accept` it,
into a file
"""
