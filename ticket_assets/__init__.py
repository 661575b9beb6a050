"""The daily evaluation of a closing-time prediction, as Dagster assets."""
