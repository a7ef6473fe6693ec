"""`openid-client` on a child's phone and on the parent's: the device grant, bound to the child's key."""

from tests.interop.conftest import Play
from tests.interop.test_phone import INVALID_GRANT, INVALID_TOKEN


def test_a_childs_phone_is_let_in_by_the_parent_while_it_asks(play: Play) -> None:
    seen = play("child", "is_let_in_by_the_parent")
    assert (seen["device"], seen["match"]) == ("Emil's phone", True)
    assert (seen["token_type"], seen["scope"]) == ("dpop", "child")
    assert (seen["me"], seen["limit"]) == ("Emil", 20_000)
    assert seen["parents"] == {"type": "WWWAuthenticateChallengeError", "error": "insufficient_scope"}


def test_a_childs_phone_is_put_out_by_the_parent(play: Play) -> None:
    seen = play("child", "is_put_out_by_the_parent")
    assert (seen["called"], seen["refreshed"]) == (INVALID_TOKEN, INVALID_GRANT)


def test_a_phone_that_asks_too_often_is_told_to_slow_down(play: Play) -> None:
    seen = play("child", "asks_again_at_once")
    assert seen["first"] == {"type": "ResponseBodyError", "error": "authorization_pending"}
    assert seen["then"] == {"type": "ResponseBodyError", "error": "slow_down"}


def test_a_device_code_is_of_no_use_to_another_key(play: Play) -> None:
    assert play("child", "asks_with_another_key")["refused"] == INVALID_GRANT


def test_a_phone_that_asks_has_a_name(play: Play) -> None:
    seen = play("child", "asks_without_a_name")
    assert seen["refused"] == {"type": "ResponseBodyError", "error": "invalid_request"}
