from typing import Any

import pytest
from pydantic import ValidationError

from wallet.settings import Settings

NEEDED: dict[str, Any] = {"database_url": "postgresql+psycopg://", "redis_url": "redis://", "key_ring": "keys"}


@pytest.mark.parametrize("url", ["https://sms.example/send", "http://127.0.0.1:8081/sms", None])
def test_texts_go_over_tls_or_stay_on_this_machine(url: str | None) -> None:
    assert Settings(**NEEDED, sms_gateway_url=url).sms_gateway_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://sms.example/send",
        "https://user:481516@sms.example",
        "sms.example",
        "https://",
        "https://sms.example:99999",
        "https://sms.example/send?key=481516",
        "https://sms.example/send#481516",
        "https://sms.example/send\n",
        "https://sms.example/se\tnd",
        "https://sms.example/se\x00nd",
    ],
)
def test_an_sms_gateway_that_others_could_overhear_or_that_holds_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError, match=r"https://sms\.example/send") as refused:
        Settings(**NEEDED, sms_gateway_url=url)
    assert "481516" not in str(refused.value)


@pytest.mark.parametrize("key", ["s3cr3t", "two words", "a/b+c==", None])
def test_the_key_of_a_gateway_is_what_a_header_can_hold(key: str | None) -> None:
    given = Settings(**NEEDED, sms_gateway_key=key).sms_gateway_key
    assert (given and given.get_secret_value()) == key


@pytest.mark.parametrize("key", ["", " ", "481516\n", " 481516", "481516 ", "4815\t16", "481516\x00", "481516ø"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValidationError, match=r"sms_gateway_key\n.*must be printable ASCII") as refused:
        Settings(**NEEDED, sms_gateway_key=key)
    assert "4815" not in str(refused.value)
