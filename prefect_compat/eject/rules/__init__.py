"""Rules that replace what is Dagster's in a project's code: each small, with a name of its own."""
