"""Sources of a record: each runs the work in a process of its own."""
