"""The keys of Dagster's assets in Prefect, which are URIs."""

from urllib.parse import quote, unquote

ASSETS = "dagster://assets/"


def asset_uri(path: tuple[str, ...]) -> str:
    """The asset's key in Prefect."""
    return ASSETS + "/".join(quote(part, safe="") for part in path)


def asset_path(uri: str) -> tuple[str, ...]:
    """Inverts `asset_uri`."""
    return tuple(unquote(part) for part in uri.removeprefix(ASSETS).split("/"))
