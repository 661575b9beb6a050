"""What one side recorded of its run, and what then lay in its store."""
