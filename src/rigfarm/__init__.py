"""Rigfarm: watches and steers a crypto-mining farm."""

__version__ = "0.1.0"
