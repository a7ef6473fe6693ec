import json
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from wallet.access.mitid.dialects import DIALECTS, Dialect, Kind, fields_of, is_private
from wallet.access.step_up import NSIS
from wallet.settings import Settings

NEEDED: dict[str, Any] = {"database_url": "postgresql+psycopg://db", "redis_url": "redis://r", "key_ring": "keys"}
HINT = "uuid:410a77ec-4f85-46e4-aaef-bdbbd1a951f2"


def dialect(kind: Kind, **changed: Any) -> Dialect:
    return Dialect(**fields_of(kind, changed))


def problem(**given: Any) -> tuple[str, str]:
    """The place and the words of what is wrong with some settings."""
    with pytest.raises(ValidationError) as wrong:
        Settings(**NEEDED, **given)
    assert "hush" not in str(wrong.value)
    (error,) = wrong.value.errors()
    return "__".join(map(str, error["loc"])), error["msg"]


def test_each_kind_is_a_whole_dialect() -> None:
    assert DIALECTS.keys() == set(get_args(Kind))
    for kind in DIALECTS:
        assert dialect(kind).acr("unheard of") is None


def test_neb_gets_the_text_within_its_parameters_for_the_identity_provider() -> None:
    sent = dialect("neb").request_parameters(text="VGVrc3Q=", hint=None)
    assert json.loads(sent.pop("idp_params")) == {"mitid": {"reference_text": "VGVrc3Q=", "loa_value": "substantial"}}
    assert sent == {"idp_values": "mitid", "language": "da"}


def test_criipto_gets_the_text_among_the_words_of_the_hint() -> None:
    sent = dialect("criipto").request_parameters(text="VGVrc3Q=", hint=f"{HINT} appswitch:ios")
    assert sent["login_hint"] == f"message:VGVrc3Q= {HINT} appswitch:ios"
    assert sent["acr_values"] == "urn:grn:authn:dk:mitid:substantial"


def test_an_app_cannot_change_what_mitid_shows() -> None:
    hint = "message:QW5kZXQ= sub:0101851234 scope:address dk:mitid:ct action:login"
    assert dialect("criipto").request_parameters(text="VGVrc3Q=", hint=hint)["login_hint"] == "message:VGVrc3Q="


def test_a_hint_cannot_break_out_of_json() -> None:
    asked = dialect("neb", parameters={"idp_params": {"mitid": {"uuid_hint": "$hint"}}})
    sent = asked.request_parameters(text="", hint='","loa_value":"low')
    assert json.loads(sent["idp_params"]) == {"mitid": {"uuid_hint": '","loa_value":"low'}}


def test_a_parameter_that_is_null_or_stays_empty_is_left_out() -> None:
    asked = dialect("neb", parameters={"language": None, "more": ["a", 1]})
    assert asked.request_parameters(text="x", hint="").keys() == {"idp_values", "idp_params", "more"}


@pytest.mark.parametrize(
    ("kind", "level", "acr"),
    [
        ("neb", f"{NSIS}High", "High"),
        ("criipto", "SUBSTANTIAL", "Substantial"),
        ("criipto", "urn:grn:authn:dk:mitid:low", "Low"),
        ("criipto", f"{NSIS}High", None),
        ("oidc", f"{NSIS}Substantial", "Substantial"),
        ("neb", "SUBSTANTIAL", None),
        ("neb", None, None),
        ("neb", [f"{NSIS}High"], None),
    ],
)
def test_levels_are_translated(kind: Kind, level: object, acr: str | None) -> None:
    assert dialect(kind).acr(level) == (NSIS + acr if acr else None)


def test_the_environment_chooses_a_kind_and_changes_single_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BROKER_KIND": "criipto",
        "BROKER_CLIENT_SECRET": "hush",
        "BROKER__CLAIMS__CPR": "none",
        "BROKER__CLAIMS__LEVEL": "loa",
        "BROKER__PARAMETERS": '{"ui_locales": "en"}',
        "BROKER__LEVELS": '{"3": "Substantial"}',
        "BROKER__USERINFO": "yes",
    }.items():
        monkeypatch.setenv(f"TEGNEBOG_{name}", value)
    broker = Settings(**NEEDED).broker
    assert (broker.claims.uuid, broker.claims.cpr, broker.claims.level) == ("uuid", None, "loa")
    assert broker.parameters["ui_locales"] == "en"
    assert broker.parameters["acr_values"] == "urn:grn:authn:dk:mitid:substantial"
    assert (broker.levels, broker.userinfo) == ({"3": "Substantial"}, True)


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"broker_kind": "nemid"}, "broker_kind", "'neb', 'criipto' or 'oidc'"),
        ({"broker_url": "http://broker.example"}, "broker_url", "https://broker.example/op"),
        ({"broker_url": "https://"}, "broker_url", "https://broker.example/op"),
        ({"broker_url": "https://broker.example?x=1"}, "broker_url", "https://broker.example/op"),
        ({"broker_url": "https://broker.example\n"}, "broker_url", "https://broker.example/op"),
        ({"broker": {"claim": {}}}, "broker__claim", "not permitted"),
        ({"broker": {"claims": {"uid": "x"}}}, "broker__claims__uid", "not permitted"),
        ({"broker": {"claims": {"uuid": ""}}}, "broker__claims__uuid", "at least 1"),
        ({"broker": {"claims": "sub"}}, "broker__claims", "valid dictionary"),
        ({"broker": {"scope": "mitid"}}, "broker__scope", "must hold openid"),
        ({"broker": {"levels": {"x": "substantial"}}}, "broker__levels__x", "'Low', 'Substantial' or 'High'"),
        ({"broker": {"levels": {"x": "Low"}}}, "broker__levels", "none of them is Substantial or High"),
        ({"broker": {"required": {"idp": []}}}, "broker__required", "idp: no value is accepted"),
        ({"broker": {"algorithms": ["none"]}}, "broker__algorithms__0", "'RS256'"),
        ({"broker": {"algorithms": ["HS256"]}}, "broker__algorithms__0", "'RS256'"),
        ({"broker": {"algorithms": []}}, "broker__algorithms", "at least 1"),
        ({"broker": {"parameters": {"state": "x"}}}, "broker__parameters", "state: Tegnebog sets that itself"),
        ({"broker": {"parameters": {"x": {"y": ["$level"]}}}}, "broker__parameters", "x: $ stands only in"),
        ({"broker": {"parameters": {"x": "5 $"}}}, "broker__parameters", "x: $ stands only in"),
        ({"broker": {"hints": "("}}, "broker__hints", "regular expression"),
        ({"broker": {"client_authentication": "client_secret_jwt"}}, "broker__client_authentication", "client_secret"),
        ({"broker": {"client_authentication": "client_secret_post"}}, "", "BROKER_CLIENT_SECRET: needed for"),
        ({"broker_kind": "criipto", "broker_client_secret": ""}, "", "BROKER_CLIENT_SECRET: needed for"),
        ({"broker_client_secret": "hush"}, "", "BROKER_CLIENT_SECRET: not used for private_key_jwt"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_is_shown(given: dict[str, Any], place: str, words: str) -> None:
    found, said = problem(**given)
    assert found == place
    assert words in said


@pytest.mark.parametrize(
    ("url", "held"),
    [
        ("https://broker.example/token", True),
        ("http://127.0.0.1:8081", True),
        ("http://[::1]:8081", True),
        ("http://localhost:8081", True),
        ("http://broker.example", False),
        ("http://127.0.0.1.broker.example", False),
        ("http://0x7f000001", False),
        ("https://", False),
        ("https://[", False),
        ("ftp://127.0.0.1", False),
        ("//broker.example", False),
    ],
)
def test_only_tls_or_this_machine_is_private(url: str, held: bool) -> None:
    assert is_private(url) is held
