"""Pages as the tests look at them: their elements and their words, and whether anything in them is not their own."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31m \u202egnp.exe \u200b \x9b & \" '"
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
NEVER = ("img", "iframe", "style", "object", "embed", "base", "meta http-equiv", "foreignobject", "image", "use")


class Elements(HTMLParser):
    """The elements of a page, as (name, attributes), and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Notes text."""
        self.words += data

    def having(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of every element that has this one."""
        return [attributes for _, attributes in self.found if name in attributes]

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this class."""
        return [attributes for _, attributes in self.found if name in (attributes.get("class") or "").split()]


def is_harmless(page: str) -> Elements:
    """Asserts that a page holds no element, attribute or letter that is not its own."""
    elements = Elements(page)
    for name, attributes in elements.found:
        if name == "script":
            assert re.fullmatch(r"/static/[a-z]+\.js\?v=[0-9a-f]{12}", attributes["src"] or "")
        assert name not in NEVER
        assert not [each for each in attributes if each.startswith("on") or each in ("style", "srcdoc", "formaction")]
        assert (attributes.get("href") or "/").startswith(("/", "#"))
        assert not (attributes.get("href") or "/").startswith("//")
        assert (attributes.get("action") or "/") in ("/", "/locks", "/charts", "/logout")
    assert not UNSEEN.search(page)
    return elements
