"""Words of the API (reasons, limits) as people say them: word -> (Danish, English)."""

from collections.abc import Mapping
from typing import Final

Phrases = Mapping[str, tuple[str, str]]

# Why a card is blocked, a token suspended, a provisioning refused or in doubt: after "Reason: ".
REASONS: Final[Phrases] = {
    "lost": ("kortet er bortkommet", "the card is lost"),
    "stolen": ("kortet er stjålet", "the card is stolen"),
    "misused": ("kortet er misbrugt", "the card has been misused"),
    "copied": ("kortet er kopieret", "the card has been copied"),
    "pin_compromised": ("andre kender pinkoden", "somebody else knows the PIN"),
    "suspected": ("mistanke om misbrug", "misuse is suspected"),
    "account_closed": ("kontoen er lukket", "the account is closed"),
    "rules_broken": ("kortreglerne er brudt", "the card's rules were broken"),
    "overdraft": ("kontoen er i overtræk", "the account is overdrawn"),
    "device_lost": ("telefonen er bortkommet", "the phone is lost"),
    "device_stolen": ("telefonen er stjålet", "the phone is stolen"),
    "fraud": ("mistanke om misbrug", "misuse is suspected"),
    "wrong_pin": ("forkert pinkode for mange gange", "a wrong PIN too many times"),
    "wallet-not-approved": ("appen er ikke godkendt", "the app is not approved"),
    "provisioning-limit-reached": ("kortet er på for mange telefoner", "the card is on too many phones"),
    "card-blocked": ("kortet er spærret", "the card is blocked"),
    "card-closed": ("kortet er lukket", "the card is closed"),
    "card-expired": ("kortet er udløbet", "the card has expired"),
    "scheme-not-on-card": ("kortet har ikke den ordning", "the card is not of that scheme"),
    "verification-unavailable": ("det kunne ikke bekræftes", "it could not be confirmed"),
    "card_reported": ("kortet er lige meldt tabt eller misbrugt", "the card was reported lost or misused lately"),
    "phone_held_back": ("et kort er blevet spærret på telefonen", "a card was suspended on that phone"),
    "new_country": ("en ny telefon i et nyt land", "a new phone in a new country"),
    "new_phones": ("flere nye telefoner på kort tid", "several new phones in a short time"),
    "cvc_only": ("kortet blev ikke tastet ind", "the card was not typed in"),
    "other": ("andet", "other"),
}

# Who did it, where it was neither the reader nor a known person: a sentence.
DID_IT: Final[Phrases] = {
    "issuer": ("Det gjorde banken.", "The bank did it."),
    "wallet_provider": ("Det gjorde appens udbyder.", "The app's provider did it."),
    "merchant": ("Det gjorde butikken.", "The shop did it."),
}

# Why a payment was declined: a sentence. 3-api.md, "Network".
DECLINES: Final[Phrases] = {
    "card_replaced": ("Kortnummeret er erstattet af et nyt.", "The card number was replaced by a new one."),
    "expired": ("Kortet er udløbet.", "The card has expired."),
    "card_lost": ("Kortet er spærret.", "The card is blocked."),
    "card_stolen": ("Kortet er spærret.", "The card is blocked."),
    "card_blocked": ("Kortet er spærret.", "The card is blocked."),
    "card_closed": ("Kortet er lukket.", "The card is closed."),
    "card_inactive": ("Kortet er ikke taget i brug.", "The card is not activated."),
    "token_suspended": ("Kortet er spærret på telefonen.", "The card is suspended on the phone."),
    "token_inactive": ("Kortet er ikke klar på telefonen.", "The card is not ready on the phone."),
    "drawing_right_inactive": (
        "Retten til at betale holder pause eller er slut.",
        "The right to pay is paused or over.",
    ),
    "not_permitted": ("Det må kortet ikke bruges til.", "The card may not be used for that."),
    "insufficient_funds": ("Der er ikke penge nok.", "There is not enough money."),
    "pin_required": ("Der skal bruges pinkode.", "The PIN is needed."),
    "wrong_pin": ("Pinkoden var forkert.", "The PIN was wrong."),
    "pin_locked": ("Forkert pinkode for mange gange.", "A wrong PIN too many times."),
    "security_violation": ("Betalingen var ikke ægte.", "The payment was not genuine."),
    "amount_limit": ("En beløbsgrænse er nået.", "An amount limit is reached."),
    "count_limit": ("En grænse for antal er nået.", "A limit of how often is reached."),
    "invalid_amount": ("Beløbet er ikke gyldigt.", "The amount is not valid."),
    "currency_not_supported": ("Valutaen kan ikke bruges.", "The currency cannot be used."),
    "customer_authentication_required": ("Betalingen skal godkendes af dig.", "The payment must be approved by you."),
    "wrong_cvc": ("Kontrolcifrene var forkerte.", "The security digits were wrong."),
    "credential_withdrawn": ("Butikken har ikke længere kortet.", "The shop no longer has the card."),
    "credential_pending": ("Butikken venter på et ja.", "The shop waits for a yes."),
    "reversed": ("Butikken fortrød betalingen.", "The shop took the payment back."),
    "unknown_number": ("Kortet blev ikke genkendt.", "The card was not recognised."),
    "system_error": ("Der var en fejl hos os. Prøv igen.", "There was an error on our side. Try again."),
}

# What a limit is on: "The limit <…> is DKK 500.00".
LIMITS: Final[Phrases] = {
    "per_payment": ("pr. betaling", "per payment"),
    "per_day": ("pr. dag", "per day"),
    "per_week": ("pr. uge", "per week"),
    "per_month": ("pr. måned", "per month"),
    "total": ("i alt", "in all"),
    "payments_per_day": ("pr. dag", "per day"),
}

# Whose limit it is, as a sentence begins: the scheme's no grantor can lift (R-2.10b).
WHOSE: Final[Phrases] = {
    "drawing_right": ("Grænsen", "The limit"),
    "ceiling": ("Kortselskabets grænse", "The card scheme's limit"),
}

# Where something is left: "Left today: DKK 380.00".
LEFT: Final[Phrases] = {
    "per_day": ("Tilbage i dag", "Left today"),
    "per_week": ("Tilbage i denne uge", "Left this week"),
    "per_month": ("Tilbage i denne måned", "Left this month"),
    "total": ("Tilbage i alt", "Left in all"),
}

# Which rule of the grantor's stood in the way where no figure did, by the name of the limit: a sentence.
RULES: Final[Phrases] = {
    "category": ("Den slags butik er ikke tilladt{kind}.", "That kind of shop is not allowed{kind}."),
    "country": ("Der må ikke betales i det land.", "Payments in that country are not allowed."),
    "merchant": ("Den butik er ikke tilladt.", "That shop is not allowed."),
    "hours": ("Det var uden for den tilladte tid.", "It was outside the allowed hours."),
    "cash": ("Kontanter og pengeoverførsler er ikke tilladt.", "Cash and money transfers are not allowed."),
    "recurring": ("Abonnementer er ikke tilladt.", "Subscriptions are not allowed."),
    "valid_from": ("Kortet kan ikke bruges endnu.", "The card cannot be used yet."),
}

# What of the grantor's stopped a payment that a delegate asks for: after "The payment was declined because ".
STOPPED: Final[Phrases] = {
    "category": ("du ikke tillader den slags butik", "you do not allow that kind of shop"),
    "country": ("du ikke tillader betalinger i det land", "you do not allow payments in that country"),
    "merchant": ("du ikke tillader den butik", "you do not allow that shop"),
    "hours": ("det var uden for den tid, du tillader", "it was outside the hours that you allow"),
    "cash": ("du ikke tillader kontanter og pengeoverførsler", "you do not allow cash and money transfers"),
    "payments_per_day": ("der ikke var flere betalinger tilbage den dag", "no payments were left that day"),
}
STOPPED_BY_FIGURE: Final = ("den går over din grænse {on}", "it goes beyond your limit {on}")

# What a delegate can do about it: ask for more, or whether it may, where the grantor can lift the limit.
NEXT: Final[Phrases] = {
    "more": ("Du kan bede om mere i appen.", "You can ask for more in the app."),
    "permission": ("Du kan spørge i appen, om det er i orden.", "You can ask in the app whether it is all right."),
    "help": ("Spørg en voksen, hvis du har brug for hjælp.", "Ask a grown-up if you need help."),
}
