"""Writes a Prefect project, without Dagster, from a Dagster job."""
