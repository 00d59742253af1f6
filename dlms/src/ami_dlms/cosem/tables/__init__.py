"""The interface classes, sorted by purpose: one line an attribute, in the names of the Blue Book."""
