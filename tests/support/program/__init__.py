"""Playbooks put to the test: hostile archives, the server that gives them out, and a rig that runs them."""
