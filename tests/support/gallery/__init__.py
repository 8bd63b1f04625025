"""Every page with made-up rigs, for work on how Rigfarm looks: `python -m support.gallery`."""
