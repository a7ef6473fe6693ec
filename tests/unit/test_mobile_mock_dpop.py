"""The phone's proofs of possession, read as RFC 9449 has a server read them."""

import base64
import hashlib
from collections.abc import Callable

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from mobile_mock.dpop import DpopClient, base64url

KEY = ECKey.generate_key("P-256")
URL = "http://127.0.0.1:8080/v1/cards"
NOW = 1_795_305_600


class Server:
    """Remembers the requests that came, and answers them in turn."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = iter(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return next(self._answers)

    def proofs(self) -> list[jwt.Token]:
        return [jwt.decode(request.headers["DPoP"], KEY, algorithms=["ES256"]) for request in self.requests]


def client(handler: Callable[[httpx.Request], httpx.Response]) -> DpopClient:
    return DpopClient(httpx.Client(transport=httpx.MockTransport(handler)), KEY, lambda: NOW + 0.9)


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    # RFC 7638 section 3.1.
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn"
        "1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = RSAKey.import_key({"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
    assert key.thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_thumbprint_of_a_phone_hashes_the_required_members_in_order() -> None:
    public = KEY.as_dict(private=False)
    canonical = f'{{"crv":"P-256","kty":"EC","x":"{public["x"]}","y":"{public["y"]}"}}'
    expected = base64url(hashlib.sha256(canonical.encode()).digest())
    assert client(Server()).thumbprint == expected


def test_a_proof_names_method_address_and_time() -> None:
    claims = jwt.decode(client(Server()).proof("POST", f"{URL}?limit=2#x"), KEY, algorithms=["ES256"]).claims
    assert claims.pop("jti")
    assert claims == {"htm": "POST", "htu": URL, "iat": NOW}


def test_a_proof_shows_the_public_key_only() -> None:
    header = jws.extract_compact(client(Server()).proof("GET", URL).encode()).headers()
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert header["jwk"].keys() == {"kty", "crv", "x", "y"}


def test_a_call_is_bound_to_its_access_token() -> None:
    server = Server(httpx.Response(200))
    client(server).send("GET", URL, access_token="at-1")
    (proof,) = server.proofs()
    digest = base64.urlsafe_b64decode(proof.claims["ath"] + "=")
    assert digest == hashlib.sha256(b"at-1").digest()
    assert server.requests[0].headers["Authorization"] == "DPoP at-1"


@pytest.mark.parametrize(
    "demand",
    [
        httpx.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "n-1"}),
        httpx.Response(
            401, headers={"DPoP-Nonce": "n-1", "WWW-Authenticate": 'DPoP error="use_dpop_nonce", algs="ES256"'}
        ),
    ],
)
def test_a_demanded_nonce_is_used_at_once_with_a_fresh_proof(demand: httpx.Response) -> None:
    server = Server(demand, httpx.Response(200))
    assert client(server).send("POST", URL, json={"a": 1}).status_code == 200
    first, second = server.proofs()
    assert ("nonce" in first.claims, second.claims["nonce"]) == (False, "n-1")
    assert first.claims["jti"] != second.claims["jti"]
    assert server.requests[0].content == server.requests[1].content


def test_a_nonce_is_kept_until_the_server_gives_another() -> None:
    given = [httpx.Response(200, headers={"DPoP-Nonce": "n-1"}), httpx.Response(200), httpx.Response(200)]
    server = Server(*given)
    phone = client(server)
    for _ in given:
        phone.send("GET", URL)
    assert [proof.claims.get("nonce") for proof in server.proofs()] == [None, "n-1", "n-1"]


def test_a_server_that_never_likes_the_nonce_is_asked_twice_and_no_more() -> None:
    def demand() -> httpx.Response:
        return httpx.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "n-1"})

    server = Server(demand(), demand())
    assert client(server).send("POST", URL).status_code == 400
    assert len(server.requests) == 2
