"""How an event gets to its receiver."""
