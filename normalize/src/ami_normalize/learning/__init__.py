"""Unknown layouts: told apart by their form, and learnt from what was parked.

`fingerprint` a layout to a short name that all its messages share
"""
