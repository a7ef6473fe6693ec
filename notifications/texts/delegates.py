"""What a delegate is told."""

from typing import Final

from notifications.texts.shape import Texts

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
    "drawing_right.expired": {
        "da": ("Dit kort er udløbet", "Du kan ikke længere betale med dit kort. Det udløb {at}."),
        "en": ("Your card has expired", "You can no longer pay with your card. It expired on {at}."),
    },
    "drawing_right.ended_of_age": {
        "da": (
            "Tillykke med de 18 år",
            "Dit kort gjaldt, til du blev myndig, og sluttede {at}. Nu kan du få dit eget.",
        ),
        "en": (
            "Happy 18th birthday",
            "Your card was for you until you came of age, and ended on {at}. Now you can have one of your own.",
        ),
    },
    "drawing_right.came_of_age": {
        "da": ("Tillykke med de 18 år", "Du blev myndig {at}. Dit kort virker som før, med de samme grænser."),
        "en": ("Happy 18th birthday", "You came of age on {at}. Your card works as before, with the same limits."),
    },
    "drawing_right.ceilings_lowered": {
        "da": ("Nye grænser på dit kort", "Fra {day} gælder der højst {figures} på dit kort."),
        "en": ("New limits on your card", "From {day} your card is good for at most {figures}."),
    },
    "drawing_request.approved": {
        "da": ("Du fik ja", "Du bad om {amount}. Svaret kom {at}: ja. {granted}"),
        "en": ("The answer is yes", "You asked for {amount}. The answer came on {at}: yes. {granted}"),
    },
    "drawing_request.declined": {
        "da": ("Du fik nej", "Du bad om {amount}. Svaret kom {at}: nej."),
        "en": ("The answer is no", "You asked for {amount}. The answer came on {at}: no."),
    },
    "payment.approved": {
        "da": ("Du betalte {amount}", "Du betalte {amount} hos {merchant} {at}.{left}"),
        "en": ("You paid {amount}", "You paid {amount} at {merchant} on {at}.{left}"),
    },
    "payment.declined": {
        "da": ("Din betaling blev afvist", "Du ville betale {amount} hos {merchant} {at}. {why}{next}"),
        "en": ("Your payment was declined", "You wanted to pay {amount} at {merchant} on {at}. {why}{next}"),
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

# Who is not of age reads these instead.
FOR_CHILDREN: Final[Texts] = {
    "card.blocked": {
        "da": (
            "Dit kort holder pause",
            "Du kan ikke betale med dit kort siden {at}. Spørg en voksen, hvornår det virker igen.",
        ),
        "en": (
            "Your card is paused",
            "You cannot pay with your card since {at}. Ask a grown-up when it works again.",
        ),
    },
    "card.closed": {
        "da": (
            "Dit kort er slut",
            "Du kan ikke længere betale med dit kort. Det sluttede {at}. Spørg en voksen, hvis du vil vide hvorfor.",
        ),
        "en": (
            "Your card has ended",
            "You can no longer pay with your card. It ended on {at}. Ask a grown-up if you want to know why.",
        ),
    },
    "token.suspended": {
        "da": (
            "Kortet er spærret på din telefon",
            "Du kan ikke betale med {device} siden {at}. Spørg en voksen om hjælp.",
        ),
        "en": (
            "The card is suspended on your phone",
            "You cannot pay with {device} since {at}. Ask a grown-up for help.",
        ),
    },
    "drawing_right.paired": {
        "da": (
            "Du har fået et kort",
            "{device} er forbundet siden {at}. Sæt kortet på telefonen i appen. En voksen kan hjælpe dig.",
        ),
        "en": (
            "You have a card",
            "{device} is paired since {at}. Put the card on the phone in the app. A grown-up can help you.",
        ),
    },
    "drawing_right.paused": {
        "da": (
            "Dit kort holder pause",
            "Du kan ikke betale med dit kort siden {at}. Spørg en voksen, hvis du vil vide hvorfor.",
        ),
        "en": (
            "Your card is paused",
            "You cannot pay with your card since {at}. Ask a grown-up if you want to know why.",
        ),
    },
    "drawing_right.revoked": {
        "da": (
            "Dit kort er slut",
            "Du kan ikke længere betale med dit kort. Det sluttede {at}. Spørg en voksen, hvis du vil vide hvorfor.",
        ),
        "en": (
            "Your card has ended",
            "You can no longer pay with your card. It ended on {at}. Ask a grown-up if you want to know why.",
        ),
    },
    "drawing_right.expired": {
        "da": (
            "Dit kort er udløbet",
            "Du kan ikke længere betale med dit kort. Det udløb {at}. En voksen kan forlænge det.",
        ),
        "en": (
            "Your card has expired",
            "You can no longer pay with your card. It expired on {at}. A grown-up can extend it.",
        ),
    },
    "drawing_request.declined": {
        "da": ("Du fik nej", "Du bad om {amount}. Svaret kom {at}: nej. Snak med en voksen, hvis du vil vide hvorfor."),
        "en": (
            "The answer is no",
            "You asked for {amount}. The answer came on {at}: no. Talk to a grown-up if you want to know why.",
        ),
    },
}
