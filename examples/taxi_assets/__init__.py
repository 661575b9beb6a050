"""Taxi: trip records in many files, a Dask dataframe, a mapped graph, hourly partitions."""
