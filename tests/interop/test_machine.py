"""`openid-client` as a company's program: client credentials with `private_key_jwt`."""

from tests.interop.conftest import Demo, Play


def test_a_machine_gets_a_token_with_its_key_and_calls_the_api(play: Play) -> None:
    seen = play("machine", "gets_a_token_by_private_key_jwt")
    assert (seen["token_type"], seen["scope"]) == ("bearer", "issuer")
    assert "ceilings" in seen["policies"]


def test_a_machine_may_bind_its_token_to_a_key(play: Play, running: Demo) -> None:
    seen = play("machine", "binds_its_token_to_a_key")
    assert (seen["token_type"], seen["status"]) == ("dpop", 200)
    assert seen["unproved"] == {"type": "WWWAuthenticateChallengeError", "error": "invalid_token"}
    assert (seen["nonces"] > 0) is running.wants_nonces


def test_the_key_of_another_machine_is_refused(play: Play) -> None:
    seen = play("machine", "signs_with_the_key_of_another")
    assert seen["refused"] == {"type": "ResponseBodyError", "error": "invalid_client"}


def test_the_scope_of_another_machine_is_refused(play: Play) -> None:
    seen = play("machine", "asks_for_the_scope_of_another")
    assert seen["refused"] == {"type": "ResponseBodyError", "error": "invalid_scope"}
