"""The deployment on one machine: a supervisor of both UIs, and Dagster's instance settings."""
