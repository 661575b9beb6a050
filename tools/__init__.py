"""Tools for the documentation: screenshots of both UIs, and a check of the site's links."""
