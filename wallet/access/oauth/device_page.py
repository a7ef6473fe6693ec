"""What a browser shows at the `verification_uri`: the code belongs in the app. A page that takes and runs nothing.

Not even the code that the address holds is repeated: who stands before the phone reads it there, and who was sent a
link has no use for it (RFC 8628 section 5.4). So it is the same page for all, and no code can break out of it.
"""

from typing import Final

POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE: Final = """\
<!DOCTYPE html>
<html lang="da">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Åbn din banks app · Open your bank's app</title>
</head>
<body>
<section>
<h1>Åbn din banks app</h1>
<p>Du er ved at lukke en telefon ind på dit kort. Det sker i din banks app: scan koden dér, eller tast den,
som den står på telefonen.</p>
<p>Sig kun ja, hvis du selv har telefonen foran dig, og den viser de samme to cifre som appen.
Har nogen sendt dig koden eller et link, så lad være.</p>
<p>Denne side skal ikke vide noget: den spørger aldrig om kort, PIN, adgangskode eller MitID.</p>
</section>
<hr>
<section lang="en">
<h1>Open your bank's app</h1>
<p>You are about to let a phone in on your card. That is done in your bank's app: scan the code there, or type it
as the phone shows it.</p>
<p>Say yes only if you have the phone before you, and it shows the same two digits as the app.
If somebody sent you the code or a link, do not.</p>
<p>This page needs to know nothing: it never asks for a card, a PIN, a password or MitID.</p>
</section>
</body>
</html>
"""
