"""What people are told, in Danish and English: kind -> language -> (title, text).

House rules (R-S1): last 4 at most, never a link or a number to call, never a question for anything secret. The text
must stand alone, since it is also what an SMS says. What the braces hold is in wording.py.
"""

from collections.abc import Mapping
from typing import Final

Texts = Mapping[str, Mapping[str, tuple[str, str]]]

FOR_HOLDERS: Final[Texts] = {
    "card.plastic_activated": {
        "da": ("Dit nye kort virker", "Kortet, der ender på {card}, blev taget i brug {at}."),
        "en": ("Your new card works", "The card ending in {card} was activated on {at}."),
    },
    "card.blocked": {
        "da": (
            "Dit kort er spærret",
            "Kortet, der ender på {card}, blev spærret {at}. Årsag: {reason}. "
            "Det kan ikke bruges nogen steder, heller ikke på telefoner.",
        ),
        "en": (
            "Your card is blocked",
            "The card ending in {card} was blocked on {at}. Reason: {reason}. "
            "It cannot be used anywhere, phones included.",
        ),
    },
    "card.unblocked": {
        "da": ("Dit kort virker igen", "Spærringen af kortet, der ender på {card}, blev ophævet {at}."),
        "en": ("Your card works again", "The block of the card ending in {card} was lifted on {at}."),
    },
    "card.closed": {
        "da": ("Dit kort er lukket", "Kortet, der ender på {card}, blev lukket {at} og kan ikke bruges mere."),
        "en": ("Your card is closed", "The card ending in {card} was closed on {at} and cannot be used any more."),
    },
    "card.replaced": {
        "da": (
            "Du får et nyt kort",
            "Kortet, der endte på {previous}, blev {at} erstattet af et, der ender på {card} og udløber {expiry}."
            "{more}",
        ),
        "en": (
            "You get a new card",
            "The card ending in {previous} was replaced on {at} by one that ends in {card} and expires {expiry}.{more}",
        ),
    },
    "token.provisioned": {
        "da": (
            "Dit kort er sat på en telefon",
            "Kortet, der ender på {card}, blev sat på {device} {at}. Var det ikke dig, så spær kortet.",
        ),
        "en": (
            "Your card is on a phone",
            "The card ending in {card} was put on {device} on {at}. If that was not you, block the card.",
        ),
    },
    "token.verification_required": {
        "da": (
            "Dit kort venter på at komme på en telefon",
            "{at} blev der bedt om at sætte kortet, der ender på {card}, på {device}. Det virker først dér, når du har "
            "bekræftet det. Årsag: {reason}. Var det ikke dig, så bekræft intet, og spær kortet.",
        ),
        "en": (
            "Your card waits to be put on a phone",
            "On {at} somebody asked to put the card ending in {card} on {device}. It does not work there until you "
            "have confirmed it. Reason: {reason}. If that was not you, confirm nothing, and block the card.",
        ),
    },
    "token.verified": {
        "da": (
            "Dit kort er bekræftet på en telefon",
            "Kortet, der ender på {card}, blev bekræftet på {device} {at}. Var det ikke dig, så spær kortet.",
        ),
        "en": (
            "Your card is confirmed on a phone",
            "The card ending in {card} was confirmed on {device} on {at}. If that was not you, block the card.",
        ),
    },
    "drawing_right.token_provisioned": {
        "da": (
            "{delegate} har fået kortet på telefonen",
            "{owner} del af kortet, der ender på {card}, blev sat på {device} {at}.",
        ),
        "en": (
            "{delegate} has the card on a phone",
            "{owner} share of the card ending in {card} was put on {device} on {at}.",
        ),
    },
    "token.provisioning_refused": {
        "da": (
            "Kortet kom ikke på en telefon",
            "{at} blev det afvist at sætte kortet, der ender på {card}, på {device}. Årsag: {reason}. "
            "Var det ikke dig, så spær kortet.",
        ),
        "en": (
            "The card was not put on a phone",
            "On {at} it was refused to put the card ending in {card} on {device}. Reason: {reason}. "
            "If that was not you, block the card.",
        ),
    },
    "token.pin_changed": {
        "da": ("Ny pinkode på en telefon", "Pinkoden til kortet, der ender på {card}, på {device} blev ændret {at}."),
        "en": ("New PIN on a phone", "The PIN for the card ending in {card} on {device} was changed on {at}."),
    },
    "token.suspended": {
        "da": (
            "Kortet er spærret på en telefon",
            "Kortet, der ender på {card}, blev spærret på {device} {at}. Årsag: {reason}. Selve kortet virker stadig.",
        ),
        "en": (
            "The card is suspended on a phone",
            "The card ending in {card} was suspended on {device} on {at}. Reason: {reason}. "
            "The card itself still works.",
        ),
    },
    "token.resumed": {
        "da": (
            "Kortet er åbnet på en telefon",
            "En spærring af kortet, der ender på {card}, på {device} blev ophævet {at}.",
        ),
        "en": (
            "The card is resumed on a phone",
            "A suspension of the card ending in {card} on {device} was lifted on {at}.",
        ),
    },
    "token.deactivated": {
        "da": ("Kortet er fjernet fra en telefon", "Kortet, der ender på {card}, blev fjernet fra {device} {at}."),
        "en": ("The card is removed from a phone", "The card ending in {card} was removed from {device} on {at}."),
    },
    "credential.registered": {
        "da": (
            "{merchant} vil gemme dit kort",
            "{merchant} har bedt om at gemme kortet, der ender på {card}. "
            "Der kan ikke betales med det, før du siger ja i appen.",
        ),
        "en": (
            "{merchant} wants to keep your card",
            "{merchant} asked to keep the card ending in {card}. "
            "Nothing can be paid with it until you say yes in the app.",
        ),
    },
    "credential.confirmed": {
        "da": ("{merchant} har gemt dit kort", "{merchant} må fra {at} bruge kortet, der ender på {card}."),
        "en": ("{merchant} keeps your card", "From {at} {merchant} may use the card ending in {card}."),
    },
    "credential.withdrawn": {
        "da": (
            "{merchant} har ikke længere dit kort",
            "{merchant} kan fra {at} ikke bruge kortet, der ender på {card}.",
        ),
        "en": (
            "{merchant} no longer has your card",
            "From {at} {merchant} cannot use the card ending in {card}.",
        ),
    },
    "drawing_right.granted": {
        "da": (
            "{delegate} må bruge dit kort",
            "Du gav {at} {delegate} ret til at betale med kortet, der ender på {card}, inden for dine grænser.",
        ),
        "en": (
            "{delegate} may use your card",
            "On {at} you let {delegate} pay with the card ending in {card}, within your limits.",
        ),
    },
    "drawing_right.changed": {
        "da": ("{owner} kort er ændret", "Det, {delegate} må på kortet, der ender på {card}, blev ændret {at}."),
        "en": ("{owner} card is changed", "What {delegate} may do on the card ending in {card} was changed on {at}."),
    },
    "drawing_right.paired": {
        "da": (
            "{owner} telefon er forbundet",
            "{device} blev forbundet med {owner} ret til kortet, der ender på {card}, {at}.",
        ),
        "en": (
            "{owner} phone is paired",
            "{device} was paired with {owner} right on the card ending in {card} on {at}.",
        ),
    },
    "drawing_right.unpaired": {
        "da": ("{owner} telefon er koblet fra", "{device} har siden {at} ikke adgang til kortet, der ender på {card}."),
        "en": ("{owner} phone is put out", "Since {at} {device} has no access to the card ending in {card}."),
    },
    "drawing_right.paused": {
        "da": ("{owner} kort holder pause", "{delegate} kan siden {at} ikke betale med kortet, der ender på {card}."),
        "en": ("{owner} card is paused", "Since {at} {delegate} cannot pay with the card ending in {card}."),
    },
    "drawing_right.resumed": {
        "da": ("{owner} kort virker igen", "{delegate} kan siden {at} igen betale med kortet, der ender på {card}."),
        "en": ("{owner} card works again", "Since {at} {delegate} can pay with the card ending in {card} again."),
    },
    "drawing_right.revoked": {
        "da": ("{owner} kort er slut", "{owner} ret til kortet, der ender på {card}, sluttede {at}."),
        "en": ("{owner} card has ended", "{owner} right on the card ending in {card} ended on {at}."),
    },
    "drawing_request.asked": {
        "da": (
            "{delegate} spørger om mere",
            "{delegate} beder om {amount} på kortet, der ender på {card}. Svar i appen.",
        ),
        "en": (
            "{delegate} asks for more",
            "{delegate} asks for {amount} on the card ending in {card}. Answer in the app.",
        ),
    },
    "drawing_right.payment_approved": {
        "da": ("{delegate} har betalt {amount}", "{delegate} betalte {amount} hos {merchant} {at}."),
        "en": ("{delegate} paid {amount}", "{delegate} paid {amount} at {merchant} on {at}."),
    },
    "drawing_right.payment_declined": {
        "da": (
            "{owner} betaling blev afvist",
            "{delegate} ville betale {amount} hos {merchant} {at}. {why}",
        ),
        "en": (
            "{owner} payment was declined",
            "{delegate} wanted to pay {amount} at {merchant} on {at}. {why}",
        ),
    },
    "payment.refunded": {
        "da": ("Du får {amount} tilbage", "{merchant} gav {amount} tilbage {at} på kortet, der ender på {card}."),
        "en": ("You get {amount} back", "{merchant} refunded {amount} on {at} to the card ending in {card}."),
    },
    "requestor.suspended": {
        "da": (
            "{wallet} virker ikke lige nu",
            "Siden {at} kan der ikke betales med kort i {wallet}. Selve kortene er ikke berørt.",
        ),
        "en": (
            "{wallet} does not work right now",
            "Since {at} cards in {wallet} cannot be used to pay. The cards themselves are not affected.",
        ),
    },
    "requestor.resumed": {
        "da": (
            "{wallet} virker igen",
            "Der kunne i en periode ikke betales med kort i {wallet}. Siden {at} kan der igen.",
        ),
        "en": (
            "{wallet} works again",
            "For a while cards in {wallet} could not be used to pay. Since {at} they can again.",
        ),
    },
    "session.ended": {
        "da": (
            "En telefon er logget ud",
            "{at} prøvede nogen at bruge en kopi af adgangen til din wallet. Telefonen er derfor logget ud. "
            "Se i appen, hvor du er logget ind, og spær dine kort, hvis du er i tvivl.",
        ),
        "en": (
            "A phone was signed out",
            "On {at} somebody tried to use a copy of the access to your wallet. The phone was therefore signed out. "
            "See in the app where you are signed in, and block your cards if you are in doubt.",
        ),
    },
}

# A delegate, often a child, is told what it can do, and neither the card's number nor why it is blocked.
FOR_DELEGATES: Final[Texts] = {
    "card.blocked": {
        "da": ("Dit kort holder pause", "Du kan ikke betale med dit kort siden {at}."),
        "en": ("Your card is paused", "You cannot pay with your card since {at}."),
    },
    "card.unblocked": {
        "da": ("Dit kort virker igen", "Du kan betale med dit kort igen siden {at}."),
        "en": ("Your card works again", "You can pay with your card again since {at}."),
    },
    "card.closed": {
        "da": ("Dit kort er slut", "Du kan ikke længere betale med dit kort. Det sluttede {at}."),
        "en": ("Your card has ended", "You can no longer pay with your card. It ended on {at}."),
    },
    "token.suspended": {
        "da": ("Kortet er spærret på din telefon", "Du kan ikke betale med {device} siden {at}."),
        "en": ("The card is suspended on your phone", "You cannot pay with {device} since {at}."),
    },
    "token.resumed": {
        "da": ("Kortet er åbnet på din telefon", "En spærring af kortet på {device} blev ophævet {at}."),
        "en": ("The card is resumed on your phone", "A suspension of the card on {device} was lifted on {at}."),
    },
    "drawing_right.changed": {
        "da": ("Dit kort er ændret", "Det, du må på dit kort, blev ændret {at}. Se dine grænser i appen."),
        "en": ("Your card is changed", "What you may do on your card was changed on {at}. See your limits in the app."),
    },
    "drawing_right.paired": {
        "da": ("Du har fået et kort", "{device} er forbundet siden {at}. Sæt kortet på telefonen i appen."),
        "en": ("You have a card", "{device} is paired since {at}. Put the card on the phone in the app."),
    },
    "drawing_right.paused": {
        "da": ("Dit kort holder pause", "Du kan ikke betale med dit kort siden {at}."),
        "en": ("Your card is paused", "You cannot pay with your card since {at}."),
    },
    "drawing_right.resumed": {
        "da": ("Dit kort virker igen", "Du kan betale med dit kort igen siden {at}."),
        "en": ("Your card works again", "You can pay with your card again since {at}."),
    },
    "drawing_right.revoked": {
        "da": ("Dit kort er slut", "Du kan ikke længere betale med dit kort. Det sluttede {at}."),
        "en": ("Your card has ended", "You can no longer pay with your card. It ended on {at}."),
    },
    "drawing_request.approved": {
        "da": ("Du fik ja", "Du bad om {amount}. Svaret kom {at}: ja."),
        "en": ("The answer is yes", "You asked for {amount}. The answer came on {at}: yes."),
    },
    "drawing_request.declined": {
        "da": ("Du fik nej", "Du bad om {amount}. Svaret kom {at}: nej."),
        "en": ("The answer is no", "You asked for {amount}. The answer came on {at}: no."),
    },
    "payment.declined": {
        "da": ("Din betaling blev afvist", "Du ville betale {amount} hos {merchant} {at}. {why}"),
        "en": ("Your payment was declined", "You wanted to pay {amount} at {merchant} on {at}. {why}"),
    },
    "requestor.suspended": {
        "da": ("{wallet} virker ikke lige nu", "Du kan ikke betale med kortet i {wallet} siden {at}."),
        "en": ("{wallet} does not work right now", "You cannot pay with your card in {wallet} since {at}."),
    },
    "requestor.resumed": {
        "da": (
            "{wallet} virker igen",
            "Du kunne i en periode ikke betale med kortet i {wallet}. Det kan du igen siden {at}.",
        ),
        "en": (
            "{wallet} works again",
            "For a while you could not pay with your card in {wallet}. You can again since {at}.",
        ),
    },
}
