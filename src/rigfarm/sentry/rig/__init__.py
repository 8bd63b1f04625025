"""This machine as a rig: what it is made of, how it does, and what it does when told."""
