from typing import Any

import pytest
from pydantic import ValidationError

from wallet.settings import Settings

NEEDED: dict[str, Any] = {"database_url": "postgresql+psycopg://", "redis_url": "redis://", "key_ring": "keys"}


@pytest.mark.parametrize("url", ["https://sms.example/send?sender=bank", "http://127.0.0.1:8081/sms", None])
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
    ],
)
def test_an_sms_gateway_that_others_could_overhear_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError, match=r"https://sms\.example/send") as refused:
        Settings(**NEEDED, sms_gateway_url=url)
    assert "481516" not in str(refused.value)
