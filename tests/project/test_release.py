"""What a release needs: one version, told of everywhere; workflows that name what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import clip_tutor

ROOT = Path(__file__).parents[2]
CHECK = ROOT / ".github" / "check_release.py"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_version_stands_in_one_place_and_is_told_of():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == clip_tutor.__version__
    done = subprocess.run([sys.executable, CHECK, f"v{clip_tutor.__version__}"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_tag_that_is_not_the_version_is_refused():
    done = subprocess.run([sys.executable, CHECK, "v99.0"], capture_output=True, text=True)
    assert done.returncode == 1 and "the tag is v99.0, and clip_tutor/__init__.py says" in done.stderr


def test_what_changed_is_listed_from_the_newest_to_the_oldest():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    versions = [tuple(map(int, heading.split("."))) for heading in headings if heading != "Coming"]
    assert versions == sorted(versions, reverse=True) and len(set(versions)) == len(versions)
    assert headings.index("Coming") == 0, "what comes next has its place at the top"


def commands(workflow: Path) -> list[str]:
    """The shell lines of a workflow."""
    jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values()
    return [line for job in jobs for step in job["steps"] for line in step.get("run", "").splitlines()]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_is_there(workflow):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    lines = commands(workflow)
    assert lines or workflow.name == "site.yml"
    for line in lines:
        if line.startswith("make "):
            assert line.split()[1] in targets, line
        for path in re.findall(r"(?:^|\s)((?:tests|notebooks|\.ci|\.github)[\w./]*)", line):
            assert (ROOT / path).exists(), f"{line}: there is no {path}"


def test_windows_installs_and_runs_what_make_does():
    """There is no make there, so its commands are written out: what the Makefile says must be said there, too."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))["jobs"]
    said = "\n".join(step.get("run", "") for step in jobs["windows"]["steps"])
    (extras,) = re.findall(r"^EXTRAS := (.+)$", makefile, re.M)
    (side_by_side,) = re.findall(r"^SIDE_BY_SIDE := (.+)$", makefile, re.M)
    (alone,) = re.findall(r"^ALONE := (.+)$", makefile, re.M)
    assert f'pip install -e ".[{extras}]"' in said
    assert f"python -m pytest {side_by_side} tests" in said
    assert f"--ignore {alone} notebooks" in said and said.endswith(alone)
    for linter in ("ruff check .", "ruff format --check .", "mypy"):
        assert f"python -m {linter}" in said and f"$(BIN)/python -m {linter}\n" in makefile


def test_every_supported_python_is_tried():
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))["jobs"]["linux"]
    tried = matrix["strategy"]["matrix"]["python"]
    minors = [int(version.removeprefix("3.")) for version in tried]
    assert minors == list(range(10, minors[-1] + 1)) and minors[-1] >= 14
    assert 'requires-python = ">=3.10"' in (ROOT / "pyproject.toml").read_text("utf-8")
