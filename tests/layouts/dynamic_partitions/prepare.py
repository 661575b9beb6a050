"""The partitions of which DAGSTER_HOME's instance knows."""

import dagster as dg

with dg.DagsterInstance.get() as instance:
    instance.add_dynamic_partitions("rooms", ["east", "west"])
