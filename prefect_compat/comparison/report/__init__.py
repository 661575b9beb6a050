"""A comparison as text, HTML and JSON."""
