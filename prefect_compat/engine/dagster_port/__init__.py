"""The one door to Dagster's inside.

Only the modules of this package import private parts of Dagster (`dagster._core…`) or use private
attributes of its objects. They offer verbs, and return our frozen types or public Dagster objects.
A difference between Dagster's minor versions is decided here, with the version that it is for.
`tests/prefect_compat/engine/test_ports.py` forbids such imports elsewhere.

Checked against Dagster 1.12.0 to 1.13.27.
"""
