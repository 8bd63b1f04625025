"""All rigs in memory, and what changes without a verb's leave: what Sentries say, and maintenance that ends."""
