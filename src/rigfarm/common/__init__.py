"""Code for both sides: it imports the standard library only, and nothing else of ours."""
