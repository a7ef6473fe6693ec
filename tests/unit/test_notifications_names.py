"""Names and messages that people wrote, as they may stand among our words."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import wording
from notifications.names import LONGEST, harmless

FAMILY = "👨‍👩‍👧‍👦"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("Emil", id="latin"),
        pytest.param("Zoë Blåbærgrød", id="latin with marks"),
        pytest.param("Nguyễn Thị Hồng", id="vietnamese"),
        pytest.param("Ẹ̀bùn Adébáyọ̀", id="yoruba"),
        pytest.param("Анна Йовкова", id="cyrillic"),
        pytest.param("Ἀθηνᾶ Παπαδοπούλου", id="greek"),
        pytest.param("Նարեկ", id="armenian"),
        pytest.param("ნინო", id="georgian"),
        pytest.param("अनुष्का शर्मा", id="devanagari"),
        pytest.param("ঈশিতা ভ্রাতৃ", id="bengali"),
        pytest.param("தமிழ்ச்செல்வி", id="tamil"),
        pytest.param("ශ්‍රී", id="sinhala with a joiner"),
        pytest.param("สมชาย น้ำใส", id="thai"),
        pytest.param("ဇော်မြင့်", id="burmese"),
        pytest.param("བསོད་ནམས", id="tibetan"),
        pytest.param("សុខា", id="khmer"),
        pytest.param("አበበ", id="ethiopic"),
        pytest.param("小林さくら", id="japanese"),
        pytest.param("葛\U000e0100城", id="a variant of an ideograph"),
        pytest.param("ナカムラ・ケン", id="katakana"),
        pytest.param("김철수", id="korean"),
        pytest.param("ʻIolani", id="hawaiian"),
        pytest.param("Gal·la", id="catalan"),
        pytest.param("Anna's phone", id="apostrophe"),
        pytest.param("Salling Group A/S", id="slash"),
        pytest.param("7-Eleven 1234", id="few digits"),
        pytest.param("Emil 🚀", id="emoji"),
        pytest.param(f"{FAMILY} Prøve", id="family"),
        pytest.param("🇩🇰 Ida 🇸🇪", id="flags"),
        pytest.param(f"{ENGLAND} Al", id="flag of a part of a country"),
        pytest.param("👍🏽 Bo", id="skin tone"),
        pytest.param("❤️‍🔥 👩🏽‍🚀 🏳️‍🌈", id="joined"),
    ],
)
def test_a_name_in_any_script_is_shown_as_it_was_written(name: str) -> None:
    assert harmless(name) == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("יִצְחָק", id="hebrew with points"),
        pytest.param("محمد", id="arabic"),
        pytest.param("مُحَمَّد", id="arabic with vowels"),
        pytest.param("علی‌رضا", id="persian with a non-joiner"),
        pytest.param("ܫܪܒܠ", id="syriac"),
        pytest.param("ތަނޭ", id="thaana"),
        pytest.param("Anna אנה", id="both ways"),
        pytest.param("٣ محمد", id="digits of its own"),
    ],
)
def test_a_name_from_right_to_left_turns_nothing_around_it(name: str) -> None:
    assert harmless(name) == f"\u2068{name}\u2069"
    assert wording.genitive(harmless(name), "da") == f"\u2068{name}\u2069s"


def test_whose_it_is_looks_at_the_last_letter_and_not_at_what_holds_the_name_together() -> None:
    assert wording.genitive(harmless("אנה Jonas"), "da").endswith("Jonas\u2069'")


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("https://evil.example/x", "https evil example/x"),
        ("www.evil.example", "evil example"),
        ("w\u200bww.evil.example", "evil example"),
        ("evil.example", "evil example"),
        ("evil．example", "evil example"),
        ("evil。example", "evil example"),
        ("evil.\u200bexample", "evil example"),
        ("me@evil.example", "me evil example"),
        ("Call 12 34 56 78 now", "Call … now"),
        ("+45 12345678", "+…"),
        ("9208900000000000", "…"),
        ("9208 9000 0000 0000", "…"),
        ("９２０８９０００００００００００", "…"),
        ("Ring 70:10:20:30 straks. Annas tlf", "Ring … straks. Annas tlf"),
        ("Ring 70  10  20  30", "Ring …"),
        ("70,10/20+30", "…"),
        ("⑦⓪①⓪②⓪③⓪", "…"),
        ("❼⓿❶⓿❷⓿", "…"),
        ("7️⃣0️⃣1️⃣0️⃣2️⃣0️⃣", "…"),
        ("7\u03010\u03011\u03010\u03012\u03010\u0301", "…"),
        ("٧٠١٠٢٠٣٠", "…"),
        ("७०१०२०३०", "…"),
        ("𝟕𝟎𝟏𝟎𝟐𝟎", "…"),
        ("7👍0👍1👍0👍2👍0👍", "…👍"),
        ("7o10 20 3o", "…o…o"),
        ("two\nlines\tand\x00nul", "two lines and nul"),
        ("\u202eenohp\u200b", "enohp"),
        ("\u2066a\u2069\u061c\u200eb", "ab"),
        ("a\u200db\u200cc\ufe0f", "abc"),
        ("a\u3164\u115f\u034f\u2060b", "ab"),
        ("\ue000\U000f0000\u0378a", "a"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("🇩 alone", "alone"),
        ("\u0301a", "a"),
        ("Z\u0335\u0321\u0336\u0337\u0334\u0338a", "Z\u0335\u0336\u0337a"),
        ("<b>bold</b>", "b bold /b"),
        ('“quoted” »and« "so"', "quoted and so"),
        ("🅰 boxed ™", "boxed TM"),
        ("ﬁne ＴＥＬＥＦＯＮ", "fine TELEFON"),
        ("ﾅｶﾑﾗ", "ナカムラ"),
        ("", "?"),
        ("\u200b", "?"),
        ("\u3164\u2800", "?"),
        ("{at}", "at"),
    ],
    ids=ascii,
)
def test_what_could_do_harm_is_left_out(chosen: str, shown: str) -> None:
    assert harmless(chosen) == shown


@pytest.mark.parametrize(
    ("sign", "signs"),
    [("x", 40), (FAMILY, 40), ("🇩🇰", 40), (ENGLAND, 40), ("कि", 40), ("क्षि", 40), ("é", 40), ("👍🏽", 40)],
    ids=ascii,
)
def test_a_name_is_as_long_as_what_is_seen_of_it_and_never_cut_within_a_sign(sign: str, signs: int) -> None:
    assert harmless(sign * 100) == sign * signs


def test_no_sign_holds_a_thousand() -> None:
    assert len(harmless("👨" + "\u200d👨" * 1_000)) <= 10 * LONGEST
    assert len(harmless("क" + "्क" * 1_000)) <= 20 * LONGEST
    assert len(harmless("ก" + "็" * 1_000)) <= 6


@given(st.text(max_size=120))
def test_no_text_can_do_harm(text: str) -> None:
    shown = harmless(text)
    inside = shown.removeprefix("\u2068").removesuffix("\u2069")
    assert inside.strip()
    assert not set(inside) & set('\u2066\u2067\u2068\u2069\u202a\u202b\u202d\u202e\u200b{}<>“”"\n')
    assert sum(map(str.isdigit, shown)) < 6
    assert not any(unicodedata.category(sign) in ("Cc", "Cn", "Co", "Cs") for sign in inside)
    turns = any(unicodedata.bidirectional(sign) in ("R", "AL", "AN") for sign in inside)
    assert shown.startswith("\u2068") == shown.endswith("\u2069") == turns
    assert harmless(inside) == shown
