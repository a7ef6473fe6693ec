"""What a browser gets where a user code leads: it may come from a camera, or from somebody who means no good."""

import re
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest

from tests.world import World

CODES = (
    "WDJB-MJHT",
    "",
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "\u202eTHJM",
    "\x00",
    "9208910000000001",
    "W" * 4_000,
)


class Elements(HTMLParser):
    """Which elements a page has, and what it says in which language."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.said: dict[str, str] = {}
        self._language = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._language = dict(attrs).get("lang") or self._language

    def handle_data(self, data: str) -> None:
        self.said[self._language] = self.said.get(self._language, "") + data


@pytest.fixture
def page(world: World) -> httpx.Response:
    return world.http.get("/oauth/device")


def test_no_code_changes_the_page_or_is_repeated_on_it(world: World, page: httpx.Response) -> None:
    for code in CODES:
        answer = world.http.get(f"/oauth/device?user_code={quote(code)}&user_code=x&{quote(code)}")
        assert (answer.status_code, answer.content) == (200, page.content), code


def test_the_page_runs_loads_and_sends_nothing(page: httpx.Response) -> None:
    elements = Elements(page.text)
    assert elements.elements == {"html", "head", "meta", "title", "body", "section", "hr", "h1", "p"}
    assert elements.attributes == {"lang", "charset", "name", "content"}
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(each.split(" ", 1) for each in page.headers["Content-Security-Policy"].split("; "))
    needed = ("default-src", "base-uri", "form-action", "frame-ancestors")
    assert policy == dict.fromkeys(needed, "'none'")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "Set-Cookie" not in page.headers


def test_the_page_sends_people_to_their_app_and_warns_them_in_both_languages(page: httpx.Response) -> None:
    said = {language: re.sub(r"\s+", " ", text) for language, text in Elements(page.text).said.items()}
    for language, words in {
        "da": ("Åbn din banks app", "foran dig", "to cifre", "sendt dig koden", "spørger aldrig om kort, PIN"),
        "en": ("Open your bank's app", "before you", "two digits", "sent you the code", "never asks for a card, a PIN"),
    }.items():
        assert [each for each in words if each not in said[language]] == []
