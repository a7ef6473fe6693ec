"""What a cardholder is told of the drawing rights that it granted."""

from typing import Final

from notifications.texts.shape import Texts

ABOUT_RIGHTS: Final[Texts] = {
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
    "drawing_right.token_suspended": {
        "da": (
            "{delegate} har spærret sit kort",
            "{delegate} har selv spærret sin del af kortet, der ender på {card}, på {device} {at}. Årsag: {reason}. "
            "Selve kortet virker stadig.",
        ),
        "en": (
            "{delegate} has suspended the card",
            "{delegate} suspended the share of the card ending in {card} on {device} on {at}. Reason: {reason}. "
            "The card itself still works.",
        ),
    },
    "drawing_right.granted": {
        "da": (
            "{delegate} må bruge dit kort",
            "{at} gav du {delegate} ret til at betale med kortet, der ender på {card}, inden for dine grænser.",
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
        "da": ("{owner} telefon er koblet fra", "{device} har fra {at} ikke adgang til kortet, der ender på {card}."),
        "en": ("{owner} phone is unpaired", "As of {at} {device} has no access to the card ending in {card}."),
    },
    "drawing_right.paused": {
        "da": ("{owner} kort holder pause", "Fra {at} kan {delegate} ikke betale med kortet, der ender på {card}.{by}"),
        "en": ("{owner} card is paused", "As of {at} {delegate} cannot pay with the card ending in {card}.{by}"),
    },
    "drawing_right.resumed": {
        "da": ("{owner} kort virker igen", "Fra {at} kan {delegate} igen betale med kortet, der ender på {card}."),
        "en": ("{owner} card works again", "As of {at} {delegate} can pay with the card ending in {card} again."),
    },
    "drawing_right.revoked": {
        "da": ("{owner} kort er slut", "{owner} ret til kortet, der ender på {card}, sluttede {at}.{by}"),
        "en": ("{owner} card has ended", "{owner} right on the card ending in {card} ended on {at}.{by}"),
    },
    "drawing_right.expired": {
        "da": (
            "{owner} kort er udløbet",
            "{owner} ret til kortet, der ender på {card}, udløb {at}. Du kan forlænge den i appen.",
        ),
        "en": (
            "{owner} card has expired",
            "{owner} right on the card ending in {card} expired on {at}. You can extend it in the app.",
        ),
    },
    "drawing_right.ended_of_age": {
        "da": (
            "{delegate} er fyldt 18",
            "{owner} ret til kortet, der ender på {card}, sluttede derfor {today}. Du kan give en ny i appen.",
        ),
        "en": (
            "{delegate} has turned 18",
            "{owner} right on the card ending in {card} therefore ended on {today}. You can give a new one in the app.",
        ),
    },
    "drawing_right.invitation_lapsed": {
        "da": (
            "Invitationen til {delegate} er udløbet",
            "Der blev ikke forbundet en telefon i tide, så {owner} ret til kortet, der ender på {card}, udløb {at}. "
            "Du kan give en ny i appen.",
        ),
        "en": (
            "The invitation to {delegate} has lapsed",
            "No phone was paired in time, so {owner} right on the card ending in {card} lapsed on {at}. "
            "You can give a new one in the app.",
        ),
    },
    "drawing_right.came_of_age": {
        "da": (
            "{delegate} er fyldt 18",
            "{delegate} blev myndig {today}. Retten til kortet, der ender på {card}, gælder stadig. "
            "Se i appen, om grænserne passer.",
        ),
        "en": (
            "{delegate} has turned 18",
            "{delegate} came of age on {today}. The right on the card ending in {card} goes on. "
            "See in the app whether the limits still fit.",
        ),
    },
    "drawing_right.week_ended": {
        "da": (
            "{owner} uge: {spent}",
            "{delegate} brugte {spent} af grænserne på {payments} i {week} med kortet, der ender på {card}.",
        ),
        "en": (
            "{owner} week: {spent}",
            "{delegate} used {spent} of the limits in {payments} in {week} with the card ending in {card}.",
        ),
    },
    "drawing_right.ceilings_lowered": {
        "da": (
            "Kortselskabet sætter sine grænser ned",
            "Fra {day} gælder der højst {figures} for den, du lader betale med dit kort. "
            "Har du selv sat en højere grænse, er det kortselskabets, der gælder.",
        ),
        "en": (
            "The card scheme lowers its limits",
            "From {day} at most {figures} is allowed for whoever you let pay with your card. "
            "Where your own limit is higher, the card scheme's is the one that counts.",
        ),
    },
    "drawing_request.asked": {
        "da": (
            "{delegate} spørger om mere",
            "{delegate} beder om {amount} på kortet, der ender på {card}.{stopped}{message} Svar i appen.",
        ),
        "en": (
            "{delegate} asks for more",
            "{delegate} asks for {amount} on the card ending in {card}.{stopped}{message} Answer in the app.",
        ),
    },
    "drawing_right.payment_approved": {
        "da": ("{delegate} har betalt {amount}", "{delegate} betalte {amount} hos {place} {at}.{may_become}{left}"),
        "en": ("{delegate} paid {amount}", "{delegate} paid {amount} at {place} on {at}.{may_become}{left}"),
    },
    "drawing_right.payment_returned": {
        "da": ("{delegate} fik {amount} tilbage", "{amount}, som {delegate} betalte hos {place}, kom tilbage {at}."),
        "en": ("{delegate} got {amount} back", "{amount} that {delegate} paid at {place} came back on {at}."),
    },
    "drawing_right.payment_expired": {
        "da": (
            "{merchant} tog ikke {amount}",
            "{amount}, som {delegate} betalte hos {place}, blev ikke hævet i tide. Fra {at} er beløbet frit igen.",
        ),
        "en": (
            "{merchant} did not take {amount}",
            "{amount} that {delegate} paid at {place} was not taken in time. As of {at} it is free again.",
        ),
    },
    "drawing_right.payment_declined": {
        "da": ("{owner} betaling blev afvist", "{delegate} ville betale {amount} hos {place} {at}. {why}"),
        "en": ("{owner} payment was declined", "{delegate} wanted to pay {amount} at {place} on {at}. {why}"),
    },
}
