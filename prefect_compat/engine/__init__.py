"""One run of a job and one attempt at a step, executed by Dagster's own step code."""
