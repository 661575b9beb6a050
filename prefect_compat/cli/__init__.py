"""The command line, `prefect-compat`: one file a command."""
