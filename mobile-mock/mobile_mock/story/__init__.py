"""The eight steps that the whole service must stand, played over HTTP against a running demo."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from mobile_mock.answers import UnexpectedAnswer
from mobile_mock.oauth import SignInFailed
from mobile_mock.phone_token import NoKeysLeft
from mobile_mock.story.beginning import issue, pay, provision, sign_in
from mobile_mock.story.ending import block, prove
from mobile_mock.story.family import lend
from mobile_mock.story.merchants import keep_on_file
from mobile_mock.story.stage import Stage, Tamper, staged
from mobile_mock.story.transcript import Report, Say, Transcript

__all__ = ["Report", "Say", "Tamper", "run"]

STEPS: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("The bank issues Anna a Visa/Dankort", issue),
    ("Anna's phone signs in with MitID", sign_in),
    ("The card is put on the phone", provision),
    ("The phone pays in a shop", pay),
    ("Emil gets a child card", lend),
    ("A shop keeps the card on file, and the card is replaced", keep_on_file),
    ("Anna blocks the card", block),
    ("The journal proves it", prove),
)
# What a step may meet when the service is not what the contract says; anything else is a fault of the story itself.
BROKEN = (UnexpectedAnswer, SignInFailed, NoKeysLeft, httpx.HTTPError, LookupError, TypeError, ValueError)


def run(access: Mapping[str, Any], say: Say, tamper: Tamper | None = None) -> Report:
    """Play the story against the demo that `access` (its access.json) tells of; true only if all of it held.

    `say` gets every line (rich's `Console.print` fits). `tamper` changes one row of a card's journal in the
    database and puts it back; without it that part is left out.
    """
    transcript = Transcript(say)
    with staged(access, transcript, tamper) as stage:
        for title, play in STEPS:
            transcript.begin(title)
            try:
                play(stage)
            except BROKEN as error:
                transcript.broke(f"{type(error).__name__}: {error}")
                break
    return transcript.close(len(STEPS))
