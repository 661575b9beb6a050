"""Replacements for parts of Dagster. Only these modules name private parts of it.

Each names the upstream issue or gap that it answers and the versions that have it. A test of each
fails when upstream no longer needs it.
"""
