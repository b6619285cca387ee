"""Lycées by their number: where rights hold, and where students are."""

from kit.errors import NotFound
from socle.academies import academie_of_uai
from socle.identifiants import IdentifiantInvalide, parse_uai_origine
from socle.principal import Lieu


def lieu_of(uai: str) -> Lieu:
    """A lycée, with its académie.

    Raises:
        NotFound: the number is none of a lycée.
    """
    try:
        lycee = parse_uai_origine(uai[:20])
    except IdentifiantInvalide as error:
        raise NotFound(f"Ce n'est pas un lycée : {error}.", champ="uai") from error
    academie = academie_of_uai(lycee)
    if academie is None:
        raise NotFound(f"Aucune académie n'a de lycée numéroté {lycee} : vérifiez-le.", champ="uai")
    return Lieu(uai=lycee, academie=academie.slug, region_academique=academie.region_academique)
