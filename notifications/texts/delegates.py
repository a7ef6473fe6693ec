"""What a delegate is told."""

from typing import Final

from notifications.texts.shape import Texts

# A delegate, often a child, is told what it can do, and neither the card's number nor why it is blocked.
FOR_DELEGATES: Final[Texts] = {
    "card.blocked": {
        "da": ("Dit kort holder pause", "Fra {at} kan du ikke betale med dit kort."),
        "en": ("Your card is paused", "As of {at} you cannot pay with your card."),
    },
    "card.unblocked": {
        "da": ("Dit kort virker igen", "Fra {at} kan du igen betale med dit kort."),
        "en": ("Your card works again", "As of {at} you can pay with your card again."),
    },
    "card.closed": {
        "da": ("Dit kort er slut", "Du kan ikke længere betale med dit kort. Det sluttede {at}."),
        "en": ("Your card has ended", "You can no longer pay with your card. It ended on {at}."),
    },
    "token.suspended": {
        "da": ("Kortet er spærret på din telefon", "Fra {at} kan du ikke betale med {device}.{by}"),
        "en": ("The card is suspended on your phone", "As of {at} you cannot pay with {device}.{by}"),
    },
    "token.resumed": {
        "da": ("Kortet er åbnet på din telefon", "En spærring af kortet på {device} blev ophævet {at}.{by}"),
        "en": ("The card is resumed on your phone", "A suspension of the card on {device} was lifted on {at}.{by}"),
    },
    "drawing_right.changed": {
        "da": ("Dit kort er ændret", "Det, du må på dit kort, blev ændret {at}. Se dine grænser i appen."),
        "en": ("Your card is changed", "What you may do on your card was changed on {at}. See your limits in the app."),
    },
    "drawing_right.paired": {
        "da": ("Du har fået et kort", "{device} blev forbundet {at}. Sæt kortet på telefonen i appen."),
        "en": ("You have a card", "{device} was paired on {at}. Put the card on the phone in the app."),
    },
    "drawing_right.paused": {
        "da": ("Dit kort holder pause", "Fra {at} kan du ikke betale med dit kort.{by}"),
        "en": ("Your card is paused", "As of {at} you cannot pay with your card.{by}"),
    },
    "drawing_right.resumed": {
        "da": ("Dit kort virker igen", "Fra {at} kan du igen betale med dit kort."),
        "en": ("Your card works again", "As of {at} you can pay with your card again."),
    },
    "drawing_right.revoked": {
        "da": ("Dit kort er slut", "Du kan ikke længere betale med dit kort. Det sluttede {at}.{by}"),
        "en": ("Your card has ended", "You can no longer pay with your card. It ended on {at}.{by}"),
    },
    "drawing_right.expired": {
        "da": ("Dit kort er udløbet", "Du kan ikke længere betale med dit kort. Det udløb {at}."),
        "en": ("Your card has expired", "You can no longer pay with your card. It expired on {at}."),
    },
    "drawing_right.ended_of_age": {
        "da": (
            "Tillykke med de 18 år",
            "Dit kort gjaldt, til du blev myndig, og sluttede {today}. Nu kan du få dit eget.",
        ),
        "en": (
            "Happy 18th birthday",
            "Your card was good until you came of age, and ended on {today}. Now you can have one of your own.",
        ),
    },
    "drawing_right.came_of_age": {
        "da": ("Tillykke med de 18 år", "Du blev myndig {today}. Dit kort virker som før, med de samme grænser."),
        "en": ("Happy 18th birthday", "You came of age on {today}. Your card works as before, with the same limits."),
    },
    "drawing_right.ceilings_lowered": {
        "da": ("Nye grænser på dit kort", "Fra {day} gælder der højst {figures} på dit kort."),
        "en": ("New limits on your card", "From {day} your card is good for at most {figures}."),
    },
    "drawing_request.approved": {
        "da": ("Du fik ja", "Du bad om {amount} og fik ja {at}. {granted}"),
        "en": ("The answer is yes", "You asked for {amount} and got a yes on {at}. {granted}"),
    },
    "drawing_request.declined": {
        "da": ("Du fik nej", "Du bad om {amount} og fik nej {at}."),
        "en": ("The answer is no", "You asked for {amount} and got a no on {at}."),
    },
    "drawing_request.taken_back": {
        "da": ("Et ja er taget tilbage", "Du fik ja til {amount}. Fra {at} gælder det ikke mere."),
        "en": ("A yes was taken back", "You got a yes to {amount}. As of {at} it no longer holds."),
    },
    "payment.approved": {
        "da": ("Du betalte {amount}", "Du betalte {amount} hos {merchant} {at}.{may_become}{left}"),
        "en": ("You paid {amount}", "You paid {amount} at {merchant} on {at}.{may_become}{left}"),
    },
    "payment.declined": {
        "da": ("Din betaling blev afvist", "Du ville betale {amount} hos {merchant} {at}. {why}{next}"),
        "en": ("Your payment was declined", "You wanted to pay {amount} at {merchant} on {at}. {why}{next}"),
    },
    "payment.returned": {
        "da": ("Du fik {amount} tilbage", "{amount}, som du betalte hos {merchant}, kom tilbage {at}."),
        "en": ("You got {amount} back", "{amount} that you paid at {merchant} came back on {at}."),
    },
    "payment.expired": {
        "da": (
            "{merchant} tog ikke {amount}",
            "{amount}, som du betalte hos {merchant}, blev ikke hævet i tide. Fra {at} er beløbet frit igen.",
        ),
        "en": (
            "{merchant} did not take {amount}",
            "{amount} that you paid at {merchant} was not taken in time. As of {at} it is free again.",
        ),
    },
    "requestor.suspended": {
        "da": ("{wallet} virker ikke lige nu", "Fra {at} kan du ikke betale med kortet i {wallet}."),
        "en": ("{wallet} does not work right now", "As of {at} you cannot pay with your card in {wallet}."),
    },
    "requestor.resumed": {
        "da": (
            "{wallet} virker igen",
            "Du kunne i en periode ikke betale med kortet i {wallet}. Fra {at} kan du igen.",
        ),
        "en": (
            "{wallet} works again",
            "For a while you could not pay with your card in {wallet}. As of {at} you can again.",
        ),
    },
}

# Who is not of age reads these instead.
FOR_CHILDREN: Final[Texts] = {
    "card.blocked": {
        "da": (
            "Dit kort holder pause",
            "Fra {at} kan du ikke betale med dit kort. Spørg en voksen, hvornår det virker igen.",
        ),
        "en": (
            "Your card is paused",
            "As of {at} you cannot pay with your card. Ask a grown-up when it will work again.",
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
            "Fra {at} kan du ikke betale med {device}.{by} Spørg en voksen om hjælp.",
        ),
        "en": (
            "The card is suspended on your phone",
            "As of {at} you cannot pay with {device}.{by} Ask a grown-up for help.",
        ),
    },
    "drawing_right.paired": {
        "da": (
            "Du har fået et kort",
            "{device} blev forbundet {at}. Sæt kortet på telefonen i appen. En voksen kan hjælpe dig.",
        ),
        "en": (
            "You have a card",
            "{device} was paired on {at}. Put the card on the phone in the app. A grown-up can help you.",
        ),
    },
    "drawing_right.paused": {
        "da": (
            "Dit kort holder pause",
            "Fra {at} kan du ikke betale med dit kort.{by} Spørg en voksen, hvis du vil vide hvorfor.",
        ),
        "en": (
            "Your card is paused",
            "As of {at} you cannot pay with your card.{by} Ask a grown-up if you want to know why.",
        ),
    },
    "drawing_right.revoked": {
        "da": (
            "Dit kort er slut",
            "Du kan ikke længere betale med dit kort. Det sluttede {at}.{by} "
            "Spørg en voksen, hvis du vil vide hvorfor.",
        ),
        "en": (
            "Your card has ended",
            "You can no longer pay with your card. It ended on {at}.{by} Ask a grown-up if you want to know why.",
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
        "da": ("Du fik nej", "Du bad om {amount} og fik nej {at}. Snak med en voksen, hvis du vil vide hvorfor."),
        "en": (
            "The answer is no",
            "You asked for {amount} and got a no on {at}. Talk to a grown-up if you want to know why.",
        ),
    },
    "drawing_request.taken_back": {
        "da": (
            "Et ja er taget tilbage",
            "Du fik ja til {amount}. Fra {at} gælder det ikke mere. Snak med en voksen, hvis du vil vide hvorfor.",
        ),
        "en": (
            "A yes was taken back",
            "You got a yes to {amount}. As of {at} it no longer holds. Talk to a grown-up if you want to know why.",
        ),
    },
}
