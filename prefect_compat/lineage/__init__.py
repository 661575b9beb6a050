"""The lineage of a Dagster job, drawn and written for review: one module per format."""
