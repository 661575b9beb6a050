"""Writes a Dagster project from a recorded run of a Prefect flow."""
