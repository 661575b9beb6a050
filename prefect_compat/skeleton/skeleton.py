"""From a recorded flow to the files of a Dagster project."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect_compat.eject.formatting import formatted
from prefect_compat.eject.header import Origin
from prefect_compat.eject.secret_values import has_secret_name, holds_secret
from prefect_compat.errors import SkeletonError
from prefect_compat.skeleton.asset_names import AssetName, asset_names
from prefect_compat.skeleton.definitions_file import FILE, definitions_file
from prefect_compat.skeleton.facts import RecordedFlow
from prefect_compat.skeleton.flow_module import FlowModule
from prefect_compat.skeleton.project_files import not_carried, pyproject, refusals

HIDDEN = "…"


@dataclass(frozen=True)
class SkeletonOptions:
    """The call of the flow, and the place of its project.

    `parameters` is JSON text; `store_variables` say where the flow stores its outputs.
    """

    entrypoint: str
    output: str
    parameters: str = "{}"
    partition: str | None = None
    parameter: str | None = None
    store_variables: tuple[str, ...] = ()
    has_stubs: bool = False

    def command(self) -> tuple[str, ...]:
        """The command that writes the project again."""
        stub = ("--stub",) if self.has_stubs else ()
        return (
            *("prefect-compat", "skeleton", "--flow", self.entrypoint, "-o", self.output),
            *self._called("--parameter", "--parameters"),
            *stub,
        )

    def comparison(self, module: FlowModule, names: Sequence[AssetName]) -> tuple[str, ...]:
        """The command that compares the project with the flow."""
        folder = () if module.is_here else ("-d", str(_shown(module.folder)))
        matches = (
            text
            for name in names
            if not name.is_matched
            for text in ("--match", f"{name.task}={name.asset}")
        )
        return (
            *("prefect-compat", "compare", "-f", f"{self.output.rstrip('/')}/{FILE}", *folder),
            *("--candidate", self.entrypoint),
            *self._called("--candidate-parameter", "--candidate-parameters"),
            *matches,
        )

    def _called(self, parameter: str, parameters: str) -> tuple[str, ...]:
        stores = (text for name in self.store_variables for text in ("--store-env", name))
        return (
            *((parameters, _shown_parameters(self.parameters)) if self.parameters != "{}" else ()),
            *(("--partition", self.partition) if self.partition is not None else ()),
            *((parameter, self.parameter) if self.parameter is not None else ()),
            *stores,
        )


@dataclass(frozen=True)
class Skeleton:
    """The files by their path, the assets, and the command that compares them with the flow."""

    files: Mapping[str, str]
    assets: tuple[str, ...]
    refused: Mapping[str, str]
    comparison: str


def write_skeleton(
    flow: RecordedFlow, module: FlowModule, project: str, options: SkeletonOptions
) -> Skeleton:
    """The project of a recorded flow.

    Raises SkeletonError, which names every asset that cannot be written, unless those become
    stubs.
    """
    names = asset_names([task.name for task in flow.tasks])
    refused = refusals(flow, names)
    if refused and not options.has_stubs:
        raise SkeletonError(
            f"{flow.name}: {len(refused)} of {len(names)} tasks cannot be written as assets:\n  "
            + "\n  ".join(f"{name}: {reason}." for name, reason in refused.items())
            + "\nPass --stub to write them as assets that raise."
        )
    origin = Origin.of(project, options.command())
    comparison = shlex.join(options.comparison(module, names))
    code = definitions_file(flow, names, module, options.partition, comparison)
    files = {**formatted({FILE: code}), "pyproject.toml": pyproject(flow)}
    headed = {path: f"{origin.comment()}\n{text}" for path, text in files.items()}
    headed["NOT_CARRIED.md"] = not_carried(origin, flow, names)
    return Skeleton(headed, tuple(name.asset for name in names), refused, comparison)


def _shown_parameters(text: str) -> str:
    """Parameters as JSON, without the values of secrets."""
    found = {
        name: HIDDEN if has_secret_name(name, value) or holds_secret(str(value)) else value
        for name, value in json.loads(text).items()
    }
    return json.dumps(found, ensure_ascii=False)


def _shown(folder: Path) -> Path:
    """The folder as a person would write it: relative to here, if it is below."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
