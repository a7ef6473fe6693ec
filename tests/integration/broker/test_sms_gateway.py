"""The mock SMS gateway, which stands beside the broker: what the phones of the demo's people got."""

from html import unescape
from typing import Any

import httpx
import pytest

SENT = {"to": "+4500000001", "text": "Anna & Bo: <b>481516</b>", "reference": "ref-1"}


def shown(browser: httpx.Client) -> list[dict[str, Any]]:
    texts: list[dict[str, Any]] = browser.get("/sms.json").json()["data"]
    return texts


def test_what_is_handed_over_is_shown_with_the_number_masked(browser: httpx.Client) -> None:
    assert browser.post("/sms", json=SENT).status_code == 202
    newest = shown(browser)[0]
    assert (newest["to"], newest["text"], newest["reference"]) == ("+45 ****** 01", SENT["text"], "ref-1")
    page = browser.get("/sms")
    assert SENT["text"] in unescape(page.text)
    assert "<b>481516" not in page.text
    assert SENT["to"] not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text


def test_the_same_reference_is_shown_once_and_the_newest_first(browser: httpx.Client) -> None:
    for reference in ("ref-2", "ref-3", "ref-2"):
        browser.post("/sms", json=SENT | {"reference": reference})
    assert [text["reference"] for text in shown(browser)][:2] == ["ref-3", "ref-2"]


def test_the_last_two_hundred_are_kept(browser: httpx.Client) -> None:
    for number in range(201):
        browser.post("/sms", json=SENT | {"reference": f"many-{number}"})
    kept = [text["reference"] for text in shown(browser)]
    assert (len(kept), kept[0], kept[-1]) == (200, "many-200", "many-1")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"to": "20123456", "text": "hello", "reference": "r"}', b'{"to": "+4520123456", "text": ""}'],
)
def test_what_is_no_text_message_is_refused(browser: httpx.Client, body: bytes) -> None:
    before = shown(browser)
    answer = browser.post("/sms", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert shown(browser) == before


def test_a_form_of_another_site_can_send_nothing(browser: httpx.Client) -> None:
    content = b'{"to": "+4520123456", "text": "hello", "reference": "form"}'
    assert browser.post("/sms", content=content, headers={"content-type": "text/plain"}).status_code == 400


@pytest.mark.parametrize("path", ["/sms", "/sms.json"])
def test_who_comes_under_another_name_than_this_machines_sees_nothing(browser: httpx.Client, path: str) -> None:
    ours = ["localhost:8081", "[::1]:8081", "127.0.0.1"]
    others = ["rebound.example:8081", "127.0.0.1.rebound.example", "127.0.0.1:8081@rebound.example", "[::1", ""]
    answered = [browser.get(path, headers={"host": host}).status_code for host in ours + others]
    assert answered == [200] * len(ours) + [403] * len(others)
