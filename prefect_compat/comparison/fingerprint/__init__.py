"""Digests of a value's content."""
