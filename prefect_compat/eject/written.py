"""The written files on disk: what is ours is replaced, what somebody changed is not."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from prefect_compat.errors import EjectError

MANIFEST = "ejection.json"
FILES = "files"


def write_files(
    folder: Path,
    files: Mapping[str, str],
    state: Mapping[str, object],
    *,
    force: bool,
    manifest: str = MANIFEST,
) -> None:
    """Writes the files and a manifest of their digests, which has this name.

    Files of an earlier call that are no longer written are removed. Raises EjectError, and writes
    nothing, if the folder has files that are not of an earlier call, or that were changed since.
    """
    known = read_manifest(folder, manifest).get(FILES, {})
    assert isinstance(known, dict)
    changed = sorted(
        name
        for name in {*files, *known}
        if (path := folder / name).is_file()
        and _digest(path.read_text(encoding="utf-8")) != known.get(name)
        and not (name in files and path.read_text(encoding="utf-8") == files[name])
    )
    if changed and not force:
        raise EjectError(
            f"{folder}: {', '.join(changed[:5])} {'was' if len(changed) == 1 else 'were'} changed"
            " since, or not written by this command. Nothing was written. Choose another folder"
            " (-o), or pass --force to replace."
        )
    for name in sorted(known.keys() - files.keys()):
        (folder / name).unlink(missing_ok=True)
    for name, text in sorted(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    content = {**state, FILES: _digests(files)}
    _replace(folder / manifest, json.dumps(content, indent=2) + "\n")


def are_unchanged(folder: Path, files: Mapping[str, str]) -> bool:
    """True if an earlier call has written the same files."""
    return read_manifest(folder).get(FILES) == _digests(files)


def _digests(files: Mapping[str, str]) -> dict[str, str]:
    return {name: _digest(text) for name, text in sorted(files.items())}


def read_manifest(folder: Path, manifest: str = MANIFEST) -> dict[str, object]:
    """The manifest of a folder, empty if there is none. Raises EjectError for a damaged one."""
    path = folder / manifest
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise EjectError(f"{path} cannot be read: {error}. Remove it, or restore it.") from error
    if not isinstance(content, dict):
        raise EjectError(f"{path} is no manifest; expected a JSON object. Remove it.")
    return content


def write_manifest(folder: Path, manifest: Mapping[str, object]) -> None:
    """Replaces the manifest."""
    _replace(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n")


def _replace(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
