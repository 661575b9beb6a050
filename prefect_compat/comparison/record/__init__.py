"""Records of one side's run: what it recorded, and what was then in its store."""
