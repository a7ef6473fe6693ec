"""Every kind of message, by who gets it: what a page of settings calls it in Danish and English, and whether it can be
switched off. Pure. Tests hold that each kind that is told stands here, and name each as fixed or free.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from notifications.audiences import PEOPLE, Audience


@dataclass(frozen=True, slots=True)
class Kind:
    """`is_fixed`: a block, security, or a limit or policy that must be told (R-10.1b, R-S2, R-2.10b, R-2.5b)."""

    da: str
    en: str
    is_fixed: bool = False

    def title(self, language: str) -> str:
        """In one of wording.LANGUAGES."""
        return self.da if language == "da" else self.en


def _fixed(da: str, en: str) -> Kind:
    return Kind(da, en, is_fixed=True)


Kinds = Mapping[str, Kind]

OF_HOLDERS: Final[Kinds] = {
    "card.blocked": _fixed("Et kort er spærret", "A card is blocked"),
    "card.unblocked": _fixed("En spærring er ophævet", "A block is lifted"),
    "card.cvc_guessed": _fixed("Nogen har prøvet dit kortnummer", "Somebody tried your card number"),
    "card.stayed_blocked": _fixed("Et kort er stadig spærret", "A card is still blocked"),
    "card.closed": _fixed("Et kort er lukket", "A card is closed"),
    "card.replaced": _fixed("Et nyt kort er på vej", "A new card is on its way"),
    "card.plastic_activated": _fixed("Et nyt kort er taget i brug", "A new card is activated"),
    "token.provisioned": _fixed("Et kort er sat på en telefon", "A card is put on a phone"),
    "token.verification_required": _fixed("Et kort venter på at komme på en telefon", "A card waits for a phone"),
    "token.verified": _fixed("Et kort er bekræftet på en telefon", "A card is confirmed on a phone"),
    "token.provisioning_refused": _fixed("Et kort kom ikke på en telefon", "A card was not put on a phone"),
    "token.pin_changed": _fixed("En ny pinkode", "A new PIN"),
    "token.suspended": _fixed("Et kort er spærret på en telefon", "A card is suspended on a phone"),
    "token.resumed": _fixed("Et kort er åbnet på en telefon", "A card is resumed on a phone"),
    "token.deactivated": _fixed("Et kort er fjernet fra en telefon", "A card is removed from a phone"),
    "requestor.suspended": _fixed("En wallet virker ikke", "A wallet does not work"),
    "requestor.resumed": _fixed("En wallet virker igen", "A wallet works again"),
    "session.ended": _fixed("En telefon er logget ud", "A phone was signed out"),
    "credential.registered": _fixed("En butik vil gemme dit kort", "A shop wants to keep your card"),
    "credential.confirmed": _fixed("En butik har gemt dit kort", "A shop keeps your card"),
    "credential.withdrawn": Kind("En butik har ikke længere dit kort", "A shop no longer has your card"),
    "credential.update_missed": _fixed("En butik har ikke dit nye kort", "A shop does not have your new card"),
    "payment.refunded": Kind("Du får penge tilbage", "You get money back"),
    "contactless.limit_changed": _fixed("Grænsen for at betale uden pinkode", "The limit for paying without your PIN"),
    "contactless.limit_not_as_told": _fixed(
        "En grænse uden pinkode bliver alligevel en anden", "A limit without PIN is not as told"
    ),
    "drawing_right.granted": _fixed("Nogen må bruge dit kort", "Somebody may use your card"),
    "drawing_right.changed": _fixed("Det, andre må, er ændret", "What others may do is changed"),
    "drawing_right.paired": _fixed("En andens telefon er forbundet", "Somebody's phone is paired"),
    "drawing_right.unpaired": Kind("En andens telefon er koblet fra", "Somebody's phone is unpaired"),
    "drawing_right.token_provisioned": _fixed("En anden har kortet på telefonen", "Somebody has the card on a phone"),
    "drawing_right.token_suspended": _fixed("En anden har spærret sit kort", "Somebody suspended the card"),
    "drawing_right.paused": _fixed("En andens kort holder pause", "Somebody's card is paused"),
    "drawing_right.resumed": _fixed("En andens kort virker igen", "Somebody's card works again"),
    "drawing_right.revoked": _fixed("En andens kort er slut", "Somebody's card has ended"),
    "drawing_right.expired": Kind("En andens kort er udløbet", "Somebody's card has expired"),
    "drawing_right.ended_of_age": Kind("Et kort sluttede med de 18 år", "A card ended at the age of 18"),
    "drawing_right.invitation_lapsed": Kind("En invitation er udløbet", "An invitation has lapsed"),
    "drawing_right.came_of_age": Kind("En er fyldt 18", "Somebody has turned 18"),
    "drawing_right.week_ended": Kind("En uges forbrug", "What a week came to"),
    "drawing_right.ceilings_lowered": _fixed(
        "Kortselskabet sætter sine grænser ned", "The card scheme lowers its limits"
    ),
    "drawing_request.asked": Kind("En beder om mere", "Somebody asks for more"),
    "drawing_right.payment_approved": Kind("En anden har betalt", "Somebody paid"),
    "drawing_right.payment_declined": Kind("En andens betaling blev afvist", "Somebody's payment was declined"),
    "drawing_right.payment_returned": Kind("En anden fik penge tilbage", "Somebody got money back"),
    "drawing_right.payment_expired": Kind("En butik tog ikke en andens betaling", "A shop did not take a payment"),
}

OF_DELEGATES: Final[Kinds] = {
    "card.blocked": _fixed("Dit kort holder pause", "Your card is paused"),
    "card.unblocked": _fixed("Dit kort virker igen", "Your card works again"),
    "card.closed": _fixed("Dit kort er slut", "Your card has ended"),
    "token.suspended": _fixed("Kortet er spærret på din telefon", "The card is suspended on your phone"),
    "token.resumed": _fixed("Kortet er åbnet på din telefon", "The card is resumed on your phone"),
    "requestor.suspended": _fixed("En wallet virker ikke", "A wallet does not work"),
    "requestor.resumed": _fixed("En wallet virker igen", "A wallet works again"),
    "drawing_right.changed": _fixed("Det, du må, er ændret", "What you may do is changed"),
    "drawing_right.paired": _fixed("Du har fået et kort", "You have a card"),
    "drawing_right.paused": _fixed("Dit kort holder pause for dig", "Your card is paused for you"),
    "drawing_right.resumed": _fixed("Dit kort virker igen for dig", "Your card works again for you"),
    "drawing_right.revoked": _fixed("Dit kort er taget tilbage", "Your card was taken back"),
    "drawing_right.expired": _fixed("Dit kort er udløbet", "Your card has expired"),
    "drawing_right.ended_of_age": _fixed("Dit kort sluttede med de 18 år", "Your card ended at the age of 18"),
    "drawing_right.came_of_age": Kind("Du er fyldt 18", "You have turned 18"),
    "drawing_right.ceilings_lowered": _fixed("Nye grænser på dit kort", "New limits on your card"),
    "drawing_request.approved": Kind("Du fik ja", "The answer is yes"),
    "drawing_request.declined": Kind("Du fik nej", "The answer is no"),
    "drawing_request.taken_back": _fixed("Et ja er taget tilbage", "A yes was taken back"),
    "payment.approved": Kind("Du har betalt", "You paid"),
    "payment.declined": Kind("Din betaling blev afvist", "Your payment was declined"),
    "payment.returned": Kind("Du fik penge tilbage", "You got money back"),
    "payment.expired": Kind("En butik tog ikke din betaling", "A shop did not take your payment"),
}

# What comes as a text message too, as delivered. Nobody but a cardholder has a number here.
BY_SMS: Final = frozenset(
    telling.kind or type_ for type_, tellings in PEOPLE.items() for telling in tellings if telling.sms
)


def of(audience: Audience) -> Kinds:
    """Those that such a person may get."""
    return OF_HOLDERS if audience is Audience.HOLDER else OF_DELEGATES
