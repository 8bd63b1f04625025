"""One script per figure we publish. `python -m bench` runs them all; `python -m bench ingest` one."""
