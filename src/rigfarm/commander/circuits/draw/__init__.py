"""What circuits draw, and what starting rigs would add."""
