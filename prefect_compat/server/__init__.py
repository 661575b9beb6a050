"""The Prefect API that a run talks to."""
