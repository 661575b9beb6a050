"""Checks that the links of a built site have a target: python -m tools.site var/site

It does not follow links to other hosts.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors of a page (`ids`), and its links to pages and pictures."""

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
    """The links without a target, each with its page."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchors = pages[target].ids if target in pages else None
            if not target.is_file():
                yield f"{path.relative_to(site)}: {link}: there is no such file"
            elif parts.fragment and anchors is not None and unquote(parts.fragment) not in anchors:
                yield f"{path.relative_to(site)}: {link}: the page has no such anchor"


def main() -> int:
    """Prints the broken links; exit code 1 if there are any."""
    site = Path(sys.argv[1]).resolve()
    broken = list(broken_links(site))
    print("\n".join(broken) or f"{site / 'index.html'}: every link has a target")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
