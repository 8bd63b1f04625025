"""How the schema came to be: one file per step in `versions/`, never changed once released, and no way down."""
