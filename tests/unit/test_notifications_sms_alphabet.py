import pytest

from notifications.sms_alphabet import SEPTETS_MAX, fitted, is_written, septets


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("Kortet blev spærret på ØÅÆ", "Kortet blev spærret på ØÅÆ"),
        ("20,00 € hos “Café Zoë” …", '20,00 € hos "Café Zoe" ...'),
        ("Anna\u2019s phone \u2013 \u2068x\u2069", "Anna's phone - x"),
    ],
)
def test_a_text_is_written_in_the_alphabet_of_text_messages(text: str, sent: str) -> None:
    assert fitted(text) == sent
    assert is_written(sent)


def test_a_name_in_another_script_stays_as_it_is() -> None:
    assert fitted("Анна betalte") == "Анна betalte"
    assert not is_written("Анна")


def test_a_name_from_right_to_left_stays_apart_from_the_amount_behind_it() -> None:
    text = "\u2068דנה\u2069: 20,00 kr."
    assert fitted(text) == text


def test_a_name_from_right_to_left_that_is_cut_is_closed() -> None:
    assert fitted("x" * 290 + " \u2068דנה " + "ב" * 30 + "\u2069: 20,00 kr.") == "x" * 290 + " \u2068דנה\u2069..."


@pytest.mark.parametrize("word", ["ord ", "€uro "])
def test_what_is_too_long_is_cut_at_a_word(word: str) -> None:
    cut = fitted(word * 200)
    assert septets(cut) <= SEPTETS_MAX
    assert cut.endswith(f"{word.strip()}...")
    assert len(cut) > 200


def test_what_just_fits_is_not_cut() -> None:
    assert fitted("x" * SEPTETS_MAX) == "x" * SEPTETS_MAX
