"""The command line of an operator: what a Commander's API can do. Light: no web stack, no HTTP library."""
