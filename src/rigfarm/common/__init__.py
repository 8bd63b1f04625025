"""What every side may use: the standard library only, and nothing else of ours."""
