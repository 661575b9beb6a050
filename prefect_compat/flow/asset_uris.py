"""The keys of Dagster's assets in Prefect, which are URIs."""

from urllib.parse import quote, unquote

ASSETS = "dagster://assets/"


def asset_uri(path: tuple[str, ...]) -> str:
    """The asset's key in Prefect, with special characters as `~` and two hexadecimal digits.

    Prefect refuses a key with a `%`, so it cannot be the usual escape of a URI.
    """
    return ASSETS + "/".join(
        quote(part, safe="").replace("~", "%7E").replace("%", "~") for part in path
    )


def asset_path(uri: str) -> tuple[str, ...]:
    """Inverts `asset_uri`."""
    parts = uri.removeprefix(ASSETS).split("/")
    return tuple(unquote(part.replace("~", "%")) for part in parts)
