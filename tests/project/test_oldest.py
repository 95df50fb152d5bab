"""The versions that hosted CI calls the oldest are the lower bounds of pyproject.toml, each of them and no other."""

import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_oldest_versions_are_the_lower_bounds():
    lines = (ROOT / ".github" / "oldest.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    tried = {canonicalize_name(pin.name): next(iter(pin.specifier)) for pin in pins}
    listed = [
        *PROJECT["dependencies"],
        *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
    ]
    bounds = {}
    for one in map(Requirement, listed):
        (bound,) = (each.version for each in one.specifier if each.operator == ">=")
        bounds[canonicalize_name(one.name)] = bound
    assert tried.keys() == bounds.keys()
    for name, bound in bounds.items():
        assert tried[name].operator == "==", name
        release = Version(tried[name].version).release
        wanted = Version(bound).release
        assert release[: len(wanted)] == wanted, f"{name}: {tried[name]} is tried, and pyproject.toml says >={bound}"


def test_each_bound_is_said_alike_wherever_it_stands():
    extras = PROJECT["optional-dependencies"]
    said: dict[str, set[str]] = {}
    for line in (*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)):
        said.setdefault(canonicalize_name(Requirement(line).name), set()).add(str(Requirement(line).specifier))
    assert {name: bounds for name, bounds in said.items() if len(bounds) > 1} == {}
