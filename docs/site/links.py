"""Every link in a built site leads somewhere, and nothing that a page is made of comes from elsewhere.

Pages are read as HTML: what they link to must be a file of the site, and what stands behind # a place in it.
"""

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PARTS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}  # link: if a style or icon
_STYLE_ADDRESS = re.compile(r"""(?:url\(|@import\s+)\s*["']?((?:https?:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """What a page links to, what it is made of, and its places."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Keep what one tag says."""
        given = {name: value or "" for name, value in attributes}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "edit"):
            self.parts.append(given.get("href", ""))
        elif _PARTS.get(tag, "") in given:
            self.parts.append(given[_PARTS[tag]])


def faults(site: Path) -> list[str]:
    """Return every link that leads nowhere and every part from another machine, none for a sound site."""
    found = [fault for page in sorted(site.rglob("*.html")) for fault in _page_faults(page, site)]
    for sheet in sorted(site.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8")
        found += [f"{sheet.relative_to(site)} takes {far} from elsewhere" for far in _STYLE_ADDRESS.findall(text)]
    return found


@cache
def _read(page: Path) -> Page:
    return Page(page.read_text(encoding="utf-8"))


def _page_faults(page: Path, site: Path) -> Iterator[str]:
    name = page.relative_to(site)
    for address in dict.fromkeys([*_read(page).parts, *_read(page).links]):
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") or address.startswith("//"):
            if address in _read(page).parts:
                yield f"{name} takes {address} from elsewhere"
        elif not parts.scheme:
            target = page.parent / unquote(parts.path) if parts.path else page
            if not target.is_file():
                yield f"{name} links to {address}, and there is no such file"
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _read(target).places:
                yield f"{name} links to {address}, and that page has no such place"
