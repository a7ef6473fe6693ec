"""`openid-client` on a phone: discovery, PAR, PKCE, DPoP, authorization code, refresh, step-up, revocation."""

from tests.interop.conftest import Demo, Play

INVALID_GRANT = {"type": "ResponseBodyError", "error": "invalid_grant"}
INVALID_TOKEN = {"type": "WWWAuthenticateChallengeError", "error": "invalid_token"}


def test_a_phone_signs_in_and_calls_the_api(play: Play) -> None:
    seen = play("phone", "signs_in")
    assert (seen["token_type"], seen["scope"], seen["expires_in"]) == ("dpop", "wallet", 300)
    assert seen["me"] == "Anna Fjordmark"


def test_the_library_answers_a_demand_for_a_nonce_by_itself(play: Play, running: Demo) -> None:
    assert (play("phone", "signs_in")["nonces"] > 0) is running.wants_nonces


def test_a_phone_signs_in_without_par(play: Play) -> None:
    assert play("phone", "signs_in_without_par")["me"] == "Anna Fjordmark"


def test_a_code_is_of_no_use_to_another_key(play: Play) -> None:
    assert play("phone", "redeems_a_code_with_another_key")["refused"] == INVALID_GRANT


def test_a_code_is_of_no_use_without_its_verifier(play: Play) -> None:
    assert play("phone", "redeems_a_code_with_another_verifier")["refused"] == INVALID_GRANT


def test_a_code_that_comes_twice_ends_what_it_gave(play: Play) -> None:
    seen = play("phone", "redeems_a_code_twice")
    assert (seen["before"], seen["refused"], seen["afterwards"]) == ("Anna Fjordmark", INVALID_GRANT, INVALID_TOKEN)


def test_the_library_refuses_the_answer_of_another_server(play: Play) -> None:
    seen = play("phone", "meets_the_answer_of_another_server")
    assert seen["refused"] == {"type": "ClientError", "error": "OAUTH_INVALID_RESPONSE"}


def test_the_library_refuses_the_answer_to_another_request(play: Play) -> None:
    seen = play("phone", "meets_the_answer_to_another_request")
    assert seen["refused"] == {"type": "ClientError", "error": "OAUTH_INVALID_RESPONSE"}


def test_who_is_no_cardholder_is_denied(play: Play) -> None:
    seen = play("phone", "is_refused_by_mitid")
    assert seen["refused"] == {"type": "AuthorizationResponseError", "error": "access_denied"}


def test_an_address_that_is_almost_the_registered_one_is_refused(play: Play) -> None:
    seen = play("phone", "names_an_address_that_is_not_registered")
    assert seen["refused"] == {"type": "ResponseBodyError", "error": "invalid_request"}


def test_a_refresh_gives_both_tokens_anew(play: Play) -> None:
    seen = play("phone", "refreshes")
    assert seen["is_new"] == [True, True]
    assert seen["me"] == "Anna Fjordmark"


def test_two_calls_at_once_with_an_old_token_cost_one_refresh(play: Play) -> None:
    seen = play("phone", "refreshes_once_for_two_calls")
    assert seen["both"] == ["Anna Fjordmark"] * 2
    assert seen["afterwards"] == "Anna Fjordmark"


def test_a_refresh_token_that_comes_again_ends_the_session(play: Play) -> None:
    seen = play("phone", "refreshes_with_a_token_that_was_used")
    assert (seen["refused"], seen["newest"], seen["afterwards"]) == (INVALID_GRANT, INVALID_GRANT, INVALID_TOKEN)


def test_a_refresh_token_is_of_no_use_to_another_key_and_harms_nobody(play: Play) -> None:
    seen = play("phone", "refreshes_with_another_key")
    assert (seen["refused"], seen["me"]) == (INVALID_GRANT, "Anna Fjordmark")


def test_a_call_that_wants_step_up_says_how_and_is_let_in_after_it(play: Play) -> None:
    seen = play("phone", "steps_up")
    wanted = {"error": "insufficient_user_authentication", "max_age": "300", "purpose": "right"}
    assert seen["challenge"]["scheme"] == "dpop"
    assert seen["challenge"]["parameters"].items() >= wanted.items()
    assert seen["status"] == 201


def test_a_token_without_a_proof_is_refused(play: Play) -> None:
    assert play("phone", "sends_its_token_without_a_proof")["refused"] == INVALID_TOKEN


def test_a_resource_server_of_others_takes_token_and_proof(play: Play) -> None:
    seen = play("phone", "shows_its_token_to_a_server_of_others")
    assert seen["scope"] == "wallet"
    assert seen["acr"].endswith("/Substantial")
    assert seen["signed_in_just_now"]


def test_signing_out_ends_access_and_refresh(play: Play) -> None:
    seen = play("phone", "signs_out")
    assert (seen["called"], seen["refreshed"]) == (INVALID_TOKEN, INVALID_GRANT)
