"""How the Commander is served: who may connect, what a connection may take, memory."""
