"""What a cardholder is told of cards, phones, shops and sessions."""

from typing import Final

from notifications.texts.shape import Texts

ABOUT_CARDS: Final[Texts] = {
    "card.plastic_activated": {
        "da": ("Dit nye kort virker", "Kortet, der ender på {card}, blev taget i brug {at}."),
        "en": ("Your new card works", "The card ending in {card} was activated on {at}."),
    },
    "card.blocked": {
        "da": (
            "Dit kort er spærret",
            "Kortet, der ender på {card}, blev spærret {at}.{by} Årsag: {reason}. "
            "Det kan ikke bruges nogen steder, heller ikke på telefoner.",
        ),
        "en": (
            "Your card is blocked",
            "The card ending in {card} was blocked on {at}.{by} Reason: {reason}. "
            "It cannot be used anywhere, phones included.",
        ),
    },
    "card.unblocked": {
        "da": ("Dit kort virker igen", "Spærringen af kortet, der ender på {card}, blev ophævet {at}."),
        "en": ("Your card works again", "The block of the card ending in {card} was lifted on {at}."),
    },
    "card.cvc_guessed": {
        "da": (
            "Nogen har prøvet dit kortnummer",
            "I dag har nogen prøvet kortet, der ender på {card}, med forkerte kontrolcifre {guesses} gange, sidst "
            "{at}. Resten af dagen virker det ikke med kontrolcifre. Var det ikke dig, så spær kortet.",
        ),
        "en": (
            "Somebody tried your card number",
            "Today somebody tried the card ending in {card} with a wrong security code {guesses} times, last on {at}. "
            "It does not work with its security code for the rest of the day. If that was not you, block the card.",
        ),
    },
    "card.stayed_blocked": {
        "da": (
            "Dit kort er stadig spærret",
            "Kortet, der ender på {card}, er stadig spærret, og der er ikke kommet et nyt. De butikker, der har det "
            "gemt og må få nye kortoplysninger, fik {at} besked om at tale med dig.",
        ),
        "en": (
            "Your card is still blocked",
            "The card ending in {card} is still blocked, and there is no new one. The shops that keep it, and may be "
            "told of a new card, were told on {at} to talk to you.",
        ),
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
            "Kortet, der ender på {card}, blev spærret på {device} {at}.{by} Årsag: {reason}. "
            "Selve kortet virker stadig.",
        ),
        "en": (
            "The card is suspended on a phone",
            "The card ending in {card} was suspended on {device} on {at}.{by} Reason: {reason}. "
            "The card itself still works.",
        ),
    },
    "token.resumed": {
        "da": (
            "Kortet er åbnet på en telefon",
            "En spærring af kortet, der ender på {card}, på {device} blev ophævet {at}.{by}",
        ),
        "en": (
            "The card is resumed on a phone",
            "A suspension of the card ending in {card} on {device} was lifted on {at}.{by}",
        ),
    },
    "token.deactivated": {
        "da": ("Kortet er fjernet fra en telefon", "Kortet, der ender på {card}, blev fjernet fra {device} {at}.{by}"),
        "en": ("The card is removed from a phone", "The card ending in {card} was removed from {device} on {at}.{by}"),
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
        "da": ("{merchant} har gemt dit kort", "{merchant} må fra {at} bruge kortet, der ender på {card}.{by_payment}"),
        "en": ("{merchant} keeps your card", "From {at} {merchant} may use the card ending in {card}.{by_payment}"),
    },
    "credential.withdrawn": {
        "da": (
            "{merchant} har ikke længere dit kort",
            "{merchant} kan fra {at} ikke bruge kortet, der ender på {card}.{by}",
        ),
        "en": (
            "{merchant} no longer has your card",
            "From {at} {merchant} cannot use the card ending in {card}.{by}",
        ),
    },
    "credential.update_missed": {
        "da": (
            "{merchant} har ikke dit nye kort",
            "{merchant} havde {at} endnu ikke hentet dit nye kort, der ender på {card}. "
            "Tjek det hos dem, og giv dem selv det nye kort, hvis de beder om det.",
        ),
        "en": (
            "{merchant} does not have your new card",
            "As of {at} {merchant} has not picked up your new card ending in {card}. "
            "Check with them, and give them the new card yourself if they ask for it.",
        ),
    },
    "payment.refunded": {
        "da": ("Du får {amount} tilbage", "{merchant} gav {amount} tilbage {at} på kortet, der ender på {card}."),
        "en": ("You get {amount} back", "{merchant} refunded {amount} on {at} to the card ending in {card}."),
    },
    "contactless.limit_changed": {
        "da": (
            "Ny grænse for at betale uden pinkode",
            "Når du betaler kontaktløst for mere end {pin_above}, skal du fra {day} bruge pinkode. "
            "Hidtil har {pin_above_before} været grænsen.",
        ),
        "en": (
            "A new limit for paying without your PIN",
            "From {day} you need your PIN for contactless payments above {pin_above}. "
            "The limit used to be {pin_above_before}.",
        ),
    },
    "contactless.limit_not_as_told": {
        "da": (
            "Grænsen for at betale uden pinkode",
            "Det, du har fået at vide om en ny grænse, gælder ikke mere. "
            "Når du betaler kontaktløst for mere end {pin_above}, skal du fra {day} bruge pinkode.",
        ),
        "en": (
            "The limit for paying without your PIN",
            "What you were told of a new limit no longer holds. "
            "From {day} you need your PIN for contactless payments above {pin_above}.",
        ),
    },
    "requestor.suspended": {
        "da": (
            "{wallet} virker ikke lige nu",
            "Fra {at} kan der ikke betales med kort i {wallet}. Selve kortene er ikke berørt.",
        ),
        "en": (
            "{wallet} does not work right now",
            "As of {at} cards in {wallet} cannot be used to pay. The cards themselves are not affected.",
        ),
    },
    "requestor.resumed": {
        "da": (
            "{wallet} virker igen",
            "Der kunne i en periode ikke betales med kort i {wallet}. Fra {at} kan der igen.",
        ),
        "en": (
            "{wallet} works again",
            "For a while cards in {wallet} could not be used to pay. As of {at} they can again.",
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
