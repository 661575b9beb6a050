"""The columns that identify a row."""

KEY_COLUMNS = ["day", "log_row"]
