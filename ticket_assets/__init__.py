"""The daily evaluation of a closing-time prediction, as Dagster assets."""

VERSION = "0.1.0"
