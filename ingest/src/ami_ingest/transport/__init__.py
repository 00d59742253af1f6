"""The ways to a meter: addresses, and links that carry octets with a timeout on every wait."""
