"""Build the site of the course from notebooks that have run: ``make site``, which runs those that have not.

build/executed/  docs/  glossary.toml  clip_tutor/ ──pages──▶ build/site/source ──Sphinx──▶ build/site/html
                                                                                             └─ links, size

python docs/site/build.py            everything
python docs/site/build.py 03 07      these notebooks, with the rest
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from links import faults
from pages import write_pages
from sphinx.cmd.build import build_main

HERE = Path(__file__).parent
MOST_MEGABYTES = 60


def build(root: Path, only: Sequence[str] = (), packages: Sequence[str] = ()) -> Path:
    """Build the site of the checkout at ``root`` and return its folder.

    Args:
        only: two-digit numbers of the notebooks, all if there are none.
        packages: the packages of the library in the reference, "losses", all if there are none.

    Raises:
        ValueError: a notebook has not run or a cell has failed; Sphinx has a warning; a link leads nowhere; the site
            needs something from elsewhere, or is larger than 60 MB.
    """
    source, site = root / "build" / "site" / "source", root / "build" / "site" / "html"
    write_pages(root, source, only, packages)
    shutil.rmtree(site, ignore_errors=True)
    options = ["-q", "-W", "--keep-going", "-b", "html", "-c", HERE, "-d", root / "build" / "site" / "doctrees"]
    if build_main([str(part) for part in (*options, source, site)]):
        raise ValueError("Sphinx has warnings, see above: no site")
    if found := faults(site):
        raise ValueError("\n".join(["the site has links that lead nowhere, or parts from elsewhere:", *found]))
    megabytes = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6
    if megabytes > MOST_MEGABYTES:
        raise ValueError(f"the site has {megabytes:.0f} MB, and may have {MOST_MEGABYTES}: show less, or smaller")
    print(f"{site / 'index.html'}: {megabytes:.1f} MB")
    return site


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site, or say why not; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="only these notebooks")
    parser.add_argument("--root", type=Path, default=HERE.parents[1], help="the checkout")
    parser.add_argument("--packages", nargs="*", default=[], help="only these packages in the reference")
    options = parser.parse_args(arguments)
    try:
        build(options.root.resolve(), options.numbers, options.packages)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
