"""What is told, as a measurement reads it: what came, what did not, and what came more than once."""

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from bench.letters import compared, is_signed
from bench.receiver import Book, about, parsed
from bench.stage import Failed

HEADERS = {"webhook-id": "dlv_1"}
WEBHOOK = json.dumps({"type": "credential.updated", "data": {"credential_id": "cred_1"}}).encode()
TEXT = json.dumps({"to": "+4500000001", "text": "New card", "reference": "r1"}).encode()


def test_what_is_told_waits_from_its_publishing_to_its_first_arrival() -> None:
    arrived = [(13.0, "/takes/0", "dlv_b", "cred_b"), (11.0, "/takes/0", "dlv_a", "cred_a")]
    told = compared({"cred_a": 10.5, "cred_b": 11.0}, arrived)
    assert told.waits == [0.5, 2.0]
    assert told.per_second == 2 / 2.5
    assert (told.milliseconds(50), told.milliseconds(99)) == (500, 2000)


def test_what_never_arrives_is_lost() -> None:
    assert compared({"cred_a": 1.0, "cred_b": 1.0}, [(2.0, "/takes/0", "dlv_a", "cred_a")]).lost == 1


def test_what_comes_again_under_its_id_is_told_apart_from_what_comes_under_two() -> None:
    came = [(2.0, "dlv_a", "cred_a"), (3.0, "dlv_a", "cred_a"), (4.0, "dlv_b", "cred_b"), (5.0, "dlv_c", "cred_b")]
    told = compared({"cred_a": 1.0, "cred_b": 1.0}, [(at, "/takes/0", id_, what) for at, id_, what in came])
    assert (told.lost, told.again, told.twice) == (0, 1, 1)
    assert told.waits == [1.0, 3.0]


def test_what_nobody_published_counts_for_nothing() -> None:
    arrived = [(2.0, "/takes/0", "dlv_a", "cred_a"), (9.0, "/takes/0", "dlv_z", "cred_of_before")]
    told = compared({"cred_a": 1.0}, arrived)
    assert (told.waits, told.elapsed) == ([1.0], 1.0)


def test_where_nothing_arrives_there_is_no_figure() -> None:
    with pytest.raises(Failed):
        compared({"cred_a": 1.0}, [])


def test_a_request_has_a_path_and_headers_in_small_letters() -> None:
    head = b"POST /takes/7 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nWebhook-Id: dlv_1"
    assert parsed(head) == ("/takes/7", {"host": "127.0.0.1:80", "webhook-id": "dlv_1"})


@pytest.mark.parametrize(
    ("content", "what"), [(WEBHOOK, "cred_1"), (TEXT, "r1"), (b"{}", "")], ids=["webhook", "text", "neither"]
)
def test_a_webhook_is_about_its_credential_and_a_text_is_its_reference(content: bytes, what: str) -> None:
    assert about(json.loads(content)) == what


def test_what_comes_again_is_counted_once_and_kept_each_time() -> None:
    book = Book()
    for _ in range(2):
        book.enter("/takes/0", HEADERS, WEBHOOK)
        book.enter("/takes/texts", {}, TEXT)
    assert book.answer("counts") == {"webhooks": 1, "texts": 1}
    assert (len(book.webhooks), len(book.texts)) == (2, 2)


def test_what_was_asked_for_is_forgotten() -> None:
    book = Book()
    book.enter("/takes/0", HEADERS, WEBHOOK)
    everything = book.answer("all")
    assert [what for *_, what in everything["webhooks"]] == ["cred_1"]
    assert everything["sample"] == [("/takes/0", HEADERS, WEBHOOK.decode())]
    assert (book.answer("counts"), book.sample) == ({"webhooks": 0, "texts": 0}, [])


def test_a_signature_is_held_against_the_secret_however_long_ago_it_was_made() -> None:
    headers = {"webhook-id": "dlv_1", "webhook-timestamp": "1674087231"}
    secret, content = "whsec_" + "QUJD" * 8, '{"test": 2432232314}'
    signature = Webhook(secret).sign("dlv_1", datetime.fromtimestamp(1674087231, UTC), content)
    signed = headers | {"webhook-signature": f"v1,AAAA {signature}"}
    assert is_signed(secret, signed, content)
    assert not is_signed(secret, signed, content + " ")
