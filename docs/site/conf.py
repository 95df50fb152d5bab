"""Sphinx's settings for the site. `build.py` writes the pages and calls Sphinx; every warning is an error there."""

import importlib
import inspect
import sys
from importlib.metadata import files
from pathlib import Path
from typing import Any

from clip_tutor import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
sys.path.insert(0, str(HERE))

project = "clip_tutor"
version = release = __version__
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.linkcode", "docstrings"]
exclude_patterns = ["files"]  # notebooks to download, no pages

html_theme = "furo"
html_title = "clip_tutor"
html_show_copyright = False
html_static_path = [str(HERE / "static")]
html_css_files, html_js_files = ["site.css"], ["from_a_folder.js"]
html_copy_source = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"

# Formulas: one file of MathJax with all its letters inside, copied to the site; nothing is fetched from anywhere.
MATHJAX = "tex-svg-full.js"
html_static_path += [str(path.locate()) for path in files("sphinx-mathjax-offline") or () if path.name == MATHJAX]
mathjax_path = MATHJAX

# The notebooks have run; `lectures` has put them in order.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_inline", "attrs_block", "deflist"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

# The docstrings.
default_role = "py:obj"  # `name` is a link where there is such a page, and code everywhere
suppress_warnings = ["ref.python"]  # a name that several modules have: the link leads to the first
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Return where the source of a documented object stands on the web, None of what has no lines of its own."""
    found: Any = importlib.import_module(info["module"])
    for name in info["fullname"].split("."):
        found = getattr(found, name, None)
    try:
        lines, first = inspect.getsourcelines(inspect.unwrap(found))
        file = Path(inspect.getsourcefile(inspect.unwrap(found)) or "").relative_to(CHECKOUT)
    except (TypeError, ValueError, OSError):
        return None
    return f"{PROJECT['urls']['Repository']}/blob/main/{file.as_posix()}#L{first}-L{first + len(lines) - 1}"
