"""What MitID shows where a token is verified: bounded, and harmless whatever a phone is called."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenization.cardholders import LANGUAGES
from wallet.access.mitid import reference_texts
from wallet.access.mitid.reference_texts import CHARACTERS_MAX, REFERENCE_TEXTS, VERIFICATION, harmless


def shown(device: str, language: str = "en", wallet: str = "Lomme") -> str:
    return reference_texts.of_verification(language, card="4242", device=device, wallet=wallet).text


def test_nobody_is_called_a_child_where_nobodys_age_is_known() -> None:
    words = " ".join(REFERENCE_TEXTS.values()).lower()
    assert not re.search(r"\b(barn|børn|mor|far|forælder)", words)
    for purpose in ("right", "pair", "approve"):
        assert "dit kort" in REFERENCE_TEXTS[purpose]


def test_there_is_a_text_for_every_language() -> None:
    assert VERIFICATION.keys() == set(LANGUAGES)
    for language in LANGUAGES:
        assert reference_texts.of_verification(language, card="4242", device="x", wallet="y").language == language


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("Anna's iPhone 15", "Anna's iPhone 15"),
        ("Bjørns Æble-mobil", "Bjørns Æble-mobil"),
        ("Approve refund of 5,000 kr", "Approve refund of 5 000 kr"),
        ('x" is refused. Approve "refund', "x is refused Approve refund"),
        ("“Anna” «Anna» ＂Anna＂", "Anna Anna Anna"),
        ("Ring 70 20 20 20 eller gå ind på evil.example", "Ring … eller gå ind på evil…"),
        ("https://evil.example/?a=b", "https evil example a b"),
        ("Anna\u202e enohp\u2066\u200f", "Anna enohp"),
        ("Анна", "Анна"),
        ("אנה 9999", "9999"),
        ("هاتف", "?"),
        ("Z\u0335\u0321a\u0336l\u0337g\u0334o", "Zalgo"),
        ("ﬁne ＴＥＬＥＦＯＮ", "fine TELEFON"),
        ("📱💳", "?"),
        ("a\u200bb\u00a0 \u3000 c", "ab c"),
    ],
)
def test_a_name_is_shown_as_what_it_may_do(name: str, seen: str) -> None:
    assert harmless(name) == seen
    assert f'phone "{seen}" in the app "Lomme"' in shown(name)


@given(st.text(max_size=80), st.text(max_size=200), st.sampled_from(LANGUAGES))
def test_no_name_makes_the_text_too_long_or_breaks_out_of_its_quotation_marks(
    device: str, wallet: str, language: str
) -> None:
    text = shown(device, language, wallet)
    assert len(text) <= CHARACTERS_MAX
    before, *_, after = VERIFICATION[language].format(card="4242", device="\n", wallet="\n").split("\n")
    assert (text.startswith(before), text.endswith(after), text.count('"')) == (True, True, 4)
    assert all(unicodedata.bidirectional(sign) not in ("R", "AL", "AN") for sign in text)
    assert text.isprintable()
