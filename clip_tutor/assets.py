"""Where the files that come with the kit lie: beside the code in a checkout, inside the package in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_FOLDERS = (_PACKAGE.parent / "data", _PACKAGE.parent / "notebooks", _PACKAGE / "assets")


def asset(name: str) -> Path:
    """Return the path of a file that comes with the kit, for example ``asset("emoji/emoji.parquet")``.

    Raises:
        FileNotFoundError: it is neither in the checkout nor in the installed package.
    """
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{name} did not come with this copy of clip_tutor (looked in {', '.join(map(str, _FOLDERS))}): "
        "clone the repository again, or reinstall the package"
    )
