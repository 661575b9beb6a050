"""Both orchestrators run on the same work, and what they left compared."""
