"""Rigs of both kinds."""
