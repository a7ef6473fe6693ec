"""What whoever looks after a requestor's endpoint is told of it: kind -> language -> text, by SMS alone."""

from collections.abc import Mapping
from typing import Final

FOR_REQUESTORS: Final[Mapping[str, Mapping[str, str]]] = {
    "endpoint.failing": {
        "da": "{name}: Jeres webhook-modtager har ikke taget imod noget i et døgn. Bliver det ved, slår vi den fra "
        "{disabled_at}. Intet går tabt imens.",
        "en": "{name}: Your webhook endpoint has taken nothing for a day. If it goes on like that, it will be disabled "
        "on {disabled_at}. Nothing is lost meanwhile.",
    },
    "endpoint.disabled": {
        "da": "{name}: Jeres webhook-modtager har ikke taget imod noget i fem døgn og er slået fra. Angiv den igen, "
        "når den virker, og bed om alt siden {failing_since}.",
        "en": "{name}: Your webhook endpoint has taken nothing for five days and is disabled. Set it again when it "
        "works, and ask for everything since {failing_since}.",
    },
    "endpoint.gone": {
        "da": "{name}: Jeres webhook-modtager svarede 410 (findes ikke mere) og er slået fra. Er det en fejl, så angiv "
        "den igen, og bed om alt siden {failing_since}.",
        "en": "{name}: Your webhook endpoint answered 410 (gone) and is disabled. If that is a mistake, set it again, "
        "and ask for everything since {failing_since}.",
    },
}
