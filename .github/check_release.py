"""Say whether a tag may become a release: ``python .github/check_release.py v0.4.0``.

It is the version that `clip_tutor/__init__.py` names, the only place where it stands, and CHANGELOG.md tells of it.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def version() -> str:
    """Return the version of the checkout."""
    (found,) = re.findall(r'^__version__ = "(.+)"$', (ROOT / "clip_tutor" / "__init__.py").read_text("utf-8"), re.M)
    return found


def objections(tag: str) -> list[str]:
    """Return what stands against a release under this tag."""
    found = []
    if tag != f"v{version()}":
        found.append(f"the tag is {tag}, and clip_tutor/__init__.py says {version()}: change one of them")
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if f"\n## {version()}\n" not in changes:
        found.append(f"CHANGELOG.md has no heading '## {version()}': move what is Coming below one")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(objections(sys.argv[1])) or 0)
