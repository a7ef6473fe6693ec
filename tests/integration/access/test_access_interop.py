"""What clients of others do, and ours don't. `tests/interop` plays whole ones, with Node."""

import base64

from tests.integration.access.acting import Phone


def test_a_client_that_tries_a_password_hears_so_and_may_try_without(phone: Phone) -> None:
    # RFC 6749 section 5.2. Some libraries begin with Basic, and do otherwise once they have read 401.
    form = phone.code_form(phone.answer()["code"])
    password = base64.b64encode(f"{phone.client_id}:secret".encode()).decode()
    headers = {"Authorization": f"Basic {password}", "DPoP": phone.proof("POST", "/oauth/token")}
    refused = phone.http.post("/oauth/token", data=form, headers=headers)
    assert (refused.status_code, refused.get_json()["error"]) == (401, "invalid_client")
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert phone.token(form).status_code == 200
