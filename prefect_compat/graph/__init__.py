"""Dagster definitions read into a `Plan`: frozen data that the other rooms use."""
