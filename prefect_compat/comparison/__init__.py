"""Runs the same work under both orchestrators and compares what they recorded and stored."""
