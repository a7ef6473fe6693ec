"""Numbers are new, of their BINs, and reported as running out while there are still enough."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from tests.drawing_rights import NOON, issue_card
from tests.numbers import SPACE
from tokenization import cards, ids, number_space
from tokenization.models import Card, PanDirectory, TokenDirectory
from tokenization.number_space import Directory, Fill, NumbersExhausted, NumberSpace
from tokenization.numbers import is_number
from tokenization.secret import Number
from tokenization.vault import Vault

Claim = Callable[..., Number]


@pytest.fixture
def card(session: Session, vault: Vault) -> Card:
    issued = issue_card(session, vault, NOON)
    session.flush()
    return issued


@pytest.fixture
def claim(session: Session, vault: Vault, card: Card) -> Claim:
    def one(directory: Directory, *bins: str) -> Number:
        space = replace(SPACE, card_bins=bins, token_bins=bins)
        return number_space.claim(session, vault, space, directory, card.card_id, ids.new_id())

    return one


# With 15 digits in front, the check digit alone is left: one number.
ONLY_ONE = "920891000000000"


def test_numbers_come_from_all_the_bins_as_there_is_room_in_each(claim: Claim) -> None:
    made = [claim(TokenDirectory, "920891", "92089277").reveal() for _ in range(60)]
    assert all(is_number(number) and number.startswith(("920891", "92089277")) for number in made)
    assert len(set(made)) == 60
    assert sum(number.startswith("920891") for number in made) > 50
    small = {claim(TokenDirectory, "92089300000000", "92089300000001").reveal()[:14] for _ in range(12)}
    assert len(small) == 2


@pytest.mark.parametrize("directory", [PanDirectory, TokenDirectory])
def test_a_number_is_never_given_twice(claim: Claim, directory: Directory) -> None:
    claim(directory, ONLY_ONE)
    with pytest.raises(NumbersExhausted):
        claim(directory, ONLY_ONE)


@pytest.mark.parametrize(("first", "second"), [(PanDirectory, TokenDirectory), (TokenDirectory, PanDirectory)])
def test_a_token_number_and_a_card_number_never_coincide(claim: Claim, first: Directory, second: Directory) -> None:
    claim(first, ONLY_ONE)
    with pytest.raises(NumbersExhausted):
        claim(second, ONLY_ONE)


def test_a_number_stays_taken_when_its_plastic_is_replaced(session: Session, vault: Vault, card: Card) -> None:
    number = cards.reveal_number(session, vault, card.card_id, card.current_plastic_id).reveal()
    same = replace(SPACE, token_bins=(number[:15],))
    with pytest.raises(NumbersExhausted):
        number_space.claim(session, vault, same, TokenDirectory, card.card_id, ids.new_id())


def test_a_space_that_fills_up_says_so_before_it_is_full(claim: Claim) -> None:
    hundred = partial(claim, TokenDirectory, "9208940000000")
    with capture_logs() as logs, pytest.raises(NumbersExhausted, match="nearly full"):
        deque((hundred() for _ in range(101)), maxlen=0)
    warnings = [line for line in logs if line["event"] == "numbers_running_out"]
    assert warnings
    assert {(line["log_level"], line["bins"]) for line in warnings} == {("warning", ("9208940000000",))}


def test_how_full_the_spaces_are_is_known_without_counting(session: Session, claim: Claim) -> None:
    for _ in range(7):
        claim(TokenDirectory, "920891")
    session.execute(text("ANALYZE tokenization.pan_directory, tokenization.token_directory"))
    space = NumberSpace(("920890",), ("920891", "92089200"), 36, "TGNB")
    assert number_space.fills(session, space) == [
        Fill("card", taken=1, capacity=10**9),
        Fill("token", taken=7, capacity=10**9 + 10**7),
    ]


def test_a_par_is_29_characters_and_begins_with_who_gives_it(card: Card) -> None:
    assert (len(card.par), card.par[:4]) == (29, "TGNB")
    assert number_space.new_par(replace(SPACE, par_prefix="Q1ZZ")).startswith("Q1ZZ")
    made = {number_space.new_par(SPACE) for _ in range(100)}
    assert len(made) == 100
    assert all(par.isascii() and par.isalnum() and par == par.upper() for par in made)
