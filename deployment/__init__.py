"""Running the project: both UIs on one machine, the orchestrators' own settings."""
