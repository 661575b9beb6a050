"""A developer's machine, a commit hook and the workflows run the same commands."""

import re
import subprocess

import yaml

from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def recipe(target: str) -> list[str]:
    """The commands of a target, with the environment's folder written out."""
    lines = MAKEFILE.partition(f"\n{target}:")[2].partition("\n\n")[0].splitlines()[1:]
    return [line.strip().replace("$(BIN)", ".venv/bin") for line in lines]


def test_the_hooks_run_what_make_check_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert [hook["entry"] for hook in hooks] == recipe("check")
    # Neither fetches anything nor runs on a part of the project.
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    assert {(hook["language"], hook["pass_filenames"]) for hook in hooks} == {("system", False)}


def test_make_help_describes_every_target() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    described = dict(re.findall(r"^make (\S+) +(\S.*)$", shown, re.MULTILINE))
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)).split()
    assert set(phony) - set(described) == set()


def test_the_workflows_have_the_least_rights_and_an_end() -> None:
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}, path
        for job in workflow["jobs"].values():
            assert job["timeout-minutes"] <= 180, path
            for step in job["steps"]:
                assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1")), path
