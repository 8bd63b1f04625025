"""Orders to rigs: told once, each with its own visible result."""
