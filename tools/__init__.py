"""Tools for the documentation: pictures of both UIs and a link check."""
