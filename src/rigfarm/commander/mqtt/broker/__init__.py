"""One connection to the broker."""
