"""Whether the links of a built site lead somewhere: python -m tools.site var/site

Links to other hosts are not followed.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The places of a page and what it refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def broken_links(site: Path) -> Iterator[str]:
    """Each link to a page, picture or place that is not there, with the page that it is on."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            places = pages[target].ids if target in pages else None
            if not target.is_file():
                yield f"{path.relative_to(site)}: {link}: there is no such file"
            elif parts.fragment and places is not None and unquote(parts.fragment) not in places:
                yield f"{path.relative_to(site)}: {link}: there is no such place"


def main() -> int:
    """Exit code 1 where a link is broken; each is printed."""
    site = Path(sys.argv[1]).resolve()
    found = list(broken_links(site))
    print("\n".join(found) or f"{site / 'index.html'}: every link leads somewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
