"""What tests and benchmarks put together and send: load, hostile programs, whole rigs, and every page."""
