"""A letter as text and as a page, for the two parts of an e-mail (RFC 2046 §5.1.4)."""

import textwrap
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.identity.lettres.lettre import Bloc, Code, Lettre, Lien

_WIDTH = 100
_SIGNATURE = "Le site de gestion – admission dans l'enseignement supérieur"
_NE_PAS_REPONDRE = "Ce message est envoyé automatiquement : n'y répondez pas."

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def text(lettre: Lettre) -> str:
    """The letter in plain text."""
    parts = [f"Bonjour {lettre.prenom},", *(_text(bloc) for bloc in lettre.corps)]
    return "\n\n".join([*parts, f"-- \n{_SIGNATURE}\n{_NE_PAS_REPONDRE}"]) + "\n"


def html(lettre: Lettre) -> str:
    """The letter as a page that mail clients show: styles within, one column, no image, no script."""
    return _templates.get_template("lettre.html").render(
        lettre=lettre,
        blocs=[(_kind(bloc), bloc) for bloc in lettre.corps],
        signature=_SIGNATURE,
        ne_pas_repondre=_NE_PAS_REPONDRE,
    )


def _text(bloc: Bloc) -> str:
    match bloc:
        case Code(valeur):
            return f"    {valeur}"
        case Lien(libelle, adresse):
            # Never broken: a client makes a link of a whole line only.
            return f"{libelle} :\n{adresse}"
        case texte:
            return textwrap.fill(texte, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _kind(bloc: Bloc) -> str:
    match bloc:
        case Code():
            return "code"
        case Lien():
            return "lien"
        case _:
            return "texte"
