"""The page of the mail and SMS catcher: text as text, nothing that runs, links that can be followed."""

import html
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

_PARIS = ZoneInfo("Europe/Paris")
# The full stop, bracket or quotation mark that ends a sentence is not part of the address before it.
_LINK = re.compile(r"https?://[^\s<>\"«»]*[^\s<>\"«».,;:!?)\]']")


class Shown(Protocol):
    """What the page shows of a message."""

    @property
    def id(self) -> int: ...
    @property
    def recu_le(self) -> str: ...
    @property
    def canal(self) -> str: ...
    @property
    def destinataires(self) -> tuple[str, ...]: ...
    @property
    def sujet(self) -> str: ...
    @property
    def texte(self) -> str: ...


def render(messages: Sequence[Shown], destinataire: str) -> str:
    """The whole page: these messages, in this order, and the recipient they were searched by, if there was one."""
    articles = "".join(_article(message) for message in messages)
    return _PAGE.format(
        destinataire=html.escape(destinataire),
        compte=html.escape(_count(len(messages), destinataire)),
        articles=articles,
    )


def _count(number: int, destinataire: str) -> str:
    to = f" pour {destinataire}" if destinataire else ""
    if number == 0:
        return f"Aucun message{to} pour l'instant."
    return f"{number} message{'s' if number > 1 else ''}{to}, le plus récent d'abord."


def _article(message: Shown) -> str:
    received = datetime.fromisoformat(message.recu_le).astimezone(_PARIS)
    title = html.escape(message.sujet or ("SMS" if message.canal == "sms" else "(sans objet)"))
    recipients = html.escape(", ".join(message.destinataires))
    return (
        f'<article aria-labelledby="message-{message.id}"><h2 id="message-{message.id}">{title}</h2>'
        f'<p>À {recipients}, le <time datetime="{html.escape(message.recu_le)}">'
        f"{received:%d/%m/%Y à %H:%M:%S}</time></p>"
        f"<pre>{_with_links(message.texte)}</pre></article>"
    )


def _with_links(text: str) -> str:
    """The text, escaped, with the web addresses in it made links."""
    parts = []
    end = 0
    for found in _LINK.finditer(text):
        address = html.escape(found[0])
        parts += [html.escape(text[end : found.start()]), f'<a href="{address}" rel="noreferrer">{address}</a>']
        end = found.end()
    return "".join([*parts, html.escape(text[end:])])


_PAGE = """<!doctype html>
<html lang="fr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Courriels et SMS de la plateforme locale</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
<h1>Courriels et SMS</h1>
<p>Rien n'a quitté cette machine. Rechargez la page pour voir la suite.</p>
<form action="/" method="get" role="search">
<label for="destinataire">Adresse ou numéro du destinataire</label>
<input id="destinataire" name="destinataire" value="{destinataire}" autocomplete="off">
<button type="submit">Chercher</button>
<a href="/">Tout voir</a>
</form>
<p role="status">{compte}</p>
{articles}
</main>
</body>
</html>
"""

STYLE = """
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: #161616; background: #f6f6f6; }
main { max-width: 54rem; margin: 0 auto; padding: 1rem; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
label { flex-basis: 100%; }
input { flex: 1 1 16rem; font: inherit; padding: .25rem .5rem; border: 1px solid #5a5a5a; }
button { font: inherit; padding: .25rem 1rem; color: #fff; background: #000091; border: 1px solid #000091; }
a { color: #000091; }
:focus-visible { outline: 2px solid #0a76f6; outline-offset: 2px; }
article { background: #fff; border-left: 4px solid #000091; padding: .5rem 1rem; margin: 1rem 0; }
h2 { font-size: 1.1rem; margin: .25rem 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
"""
