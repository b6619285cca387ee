"""What a letter to a person says, before it is e-mail. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A code to copy, on a line of its own."""

    valeur: str


@dataclass(frozen=True, slots=True)
class Lien:
    """An address to follow: a button where the mail is shown as a page, the address itself where it is text."""

    libelle: str
    adresse: str


PREVENEZ = "Prévenez sans attendre l'administrateur de votre établissement ou votre rectorat."
"""What every notice of something that its reader may not have done ends with."""
PAS_VOUS = "Si ce n'est pas vous, quelqu'un est entré dans votre compte. " + PREVENEZ
"""What a notice of a change ends with that only somebody signed in can have made."""

type Bloc = str | Code | Lien
"""A part of a letter; a text is a paragraph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettre:
    """A letter in French: one content, from which its text and its page are both made.

    Args:
        prenom: whom it greets.
    """

    sujet: str
    prenom: str
    corps: Sequence[Bloc]


def write(lettre: Lettre) -> dict[str, object]:
    """The letter as it is sealed until it is sent; `read` gives it back."""
    return {"sujet": lettre.sujet, "prenom": lettre.prenom, "corps": [_write_bloc(bloc) for bloc in lettre.corps]}


def read(written: dict[str, object]) -> Lettre:
    """The letter that `write` wrote."""
    blocs = written["corps"]
    assert isinstance(blocs, list)  # noqa: S101 - by `write`
    return Lettre(
        sujet=str(written["sujet"]), prenom=str(written["prenom"]), corps=[_read_bloc(bloc) for bloc in blocs]
    )


def _write_bloc(bloc: Bloc) -> list[str]:
    match bloc:
        case Code(valeur):
            return ["code", valeur]
        case Lien(libelle, adresse):
            return ["lien", libelle, adresse]
        case texte:
            return ["texte", texte]


def _read_bloc(written: Sequence[str]) -> Bloc:
    match written:
        case ["code", valeur]:
            return Code(valeur)
        case ["lien", libelle, adresse]:
            return Lien(libelle, adresse)
        case _:
            return written[1]
