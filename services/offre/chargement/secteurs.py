"""The sector of an establishment, in the words of the three national files (domaine.md §9)."""

from services.offre.chargement.tableau import Lecture, Ligne, Remarque
from services.offre.domain import Secteur

_SECTEURS = {"public": Secteur.PUBLIC, "privé": Secteur.PRIVE, "privé sous contrat": Secteur.PRIVE}


def read_secteur[T](row: Ligne, column: str, lecture: Lecture[T]) -> Secteur | None:
    """The sector that a row says, None where it says none; another word than theirs draws a warning."""
    value = row.valeurs[column]
    if not value:
        return None
    secteur = _SECTEURS.get(value.lower())
    if secteur is None:
        raison = f"secteur inconnu, laissé de côté : « {value} » ; attendu : {', '.join(_SECTEURS)}"
        lecture.avertissements.append(Remarque(row.numero, column, raison))
    return secteur
