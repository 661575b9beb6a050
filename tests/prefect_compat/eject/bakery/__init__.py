"""A small Dagster project of several modules, which tests copy and eject."""
