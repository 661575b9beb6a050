"""HTML pages that stand alone: one file, nothing loaded, nothing run."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """This package's template filled with the values, which are escaped."""
    environment = Environment(
        loader=PackageLoader("prefect_compat"),
        # Not `select_autoescape`: it goes by the suffix, and the templates end in `.j2`.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
