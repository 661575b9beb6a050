"""Replacements for parts of Dagster, each naming the upstream issue that it answers."""
