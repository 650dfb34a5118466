"""Checks that every link inside the built documentation has a target, and that no page fetches anything from another site.

``python tools/check_site.py docs/_build/html``
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself. Ordinary links may lead to other sites.
_FETCHED = {("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"), ("link", "href"), ("video", "src")}
_NOT_FETCHED = {"canonical", "next", "prev", "search", "index", "genindex", "author", "copyright"}


class Page(HTMLParser):
    """The anchors and links of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the anchors and links in a tag."""
        given = {name: value for name, value in attrs if value}
        self.names |= {given[key] for key in ("id", "name") if key in given}
        for key in ("href", "src"):
            if key in given:
                self.links.add(given[key])
                if (tag, key) in _FETCHED and given.get("rel") not in _NOT_FETCHED:
                    self.fetched.add(given[key])


def main(folder: str) -> int:
    """Print the errors, and return their number."""
    root = Path(folder).resolve()
    pages = {path: Page(path) for path in root.rglob("*.html") if path.name != "webpack-macros.html"}  # part of the theme
    wrong = []
    for path, page in pages.items():
        here = path.relative_to(root)
        wrong += [f"{here} fetches {url}" for url in page.fetched if urlsplit(url).netloc]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            name = unquote(parts.fragment)
            if not target.exists():
                wrong.append(f"{here} links to {link}, which does not exist")
            elif name and target in pages and name not in pages[target].names:
                wrong.append(f"{here} links to {link}, where there is no {name}")
    for path in root.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        wrong += [f"{path.relative_to(root)} fetches {url}" for url in re.findall(r"url\([\"']?((?:https?:)?//[^)\"']+)", text)]
    wrong += [] if pages else [f"{root} has no pages"]
    print(
        *sorted(wrong),
        f"{len(pages)} pages, {sum(len(page.links) for page in pages.values())} links, {len(wrong)} wrong",
        sep="\n",
    )
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
