"""The lineage of a Dagster job, drawn and written down for review: one file a format."""
