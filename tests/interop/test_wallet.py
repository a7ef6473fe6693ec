"""The way of a new wallet, as README tells it: from the bank's yes to a card on a phone."""

from tests.interop.conftest import HERE, Play

README = HERE.parent.parent / "README.md"


def test_a_new_wallet_comes_from_registration_to_a_card_on_a_phone(play: Play) -> None:
    seen = play("wallet", "comes_from_registration_to_a_card_on_a_phone")
    assert seen["scopes"] == ["child", "provider", "wallet"]
    assert seen["unknown"] == {"status": 422, "field": "device.provider_assertion"}  # nobody vouched for the phone
    assert (seen["status"], seen["payment_keys"]) == ("active", 10)


def test_what_the_readme_shows_is_what_runs_here() -> None:
    readme = README.read_text()
    assert f"```js\n{(HERE / 'wallet_app.mjs').read_text()}```" in readme
    assert f"```js\n{(HERE / 'wallet_server.mjs').read_text()}```" in readme
