"""A `Plan` as a native Prefect flow."""
