"""The configuration: what file, inventory and environment say, checked completely before anything starts."""
