"""A Dagster job, and a Prefect flow of it that was written by hand: are they the same?"""
