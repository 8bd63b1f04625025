"""What comes from the broker."""
