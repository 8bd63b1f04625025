"""A fake mining program, the archives it comes in, honest and hostile, and the server that hands them out."""
