"""Every page with made-up rigs, for whoever works on how Rigfarm looks: `python -m rigfarm.simulate.gallery`."""
