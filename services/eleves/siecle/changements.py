"""What an import changes for each student: the same file again changes nothing (domaine.md §5.1)."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from services.eleves.domain import DonneesSiecle, Eleve, new_eleve
from services.eleves.siecle.controle import Controle, LigneControlee
from services.eleves.siecle.rapprochement import Paire, Rapprochement


class Nature(StrEnum):
    """What an import does to a student; one who has left is told so by the file (PARTI) or missing in it (ABSENT)."""

    NOUVEAU = "NOUVEAU"
    ARRIVE = "ARRIVE"
    MODIFIE = "MODIFIE"
    INCHANGE = "INCHANGE"
    PARTI = "PARTI"
    ABSENT = "ABSENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changement:
    """A student after the import.

    Args:
        ligne: where the file speaks of it; None when it does not any more.
        champs: the names of what changes, of one that was known.
    """

    nature: Nature
    eleve: Eleve
    ligne: int | None
    champs: tuple[str, ...] = ()


def plan(
    rapprochement: Rapprochement,
    *,
    controle: Controle,
    academie: str,
    vivier_gele: bool,
) -> tuple[Changement, ...]:
    """What the import does, student by student: the rows in the order of the file, then those who left.

    Args:
        rapprochement: once every address has been claimed, and those refused taken away.
        controle: the check it was made from.
        academie: slug of the school's académie.
        vivier_gele: whether the vivier initial is frozen. ≈ That of a school is then its first file, however late.
    """
    changements = []
    for paire in rapprochement.paires:
        if paire.connu is None:
            eleve = new_eleve(
                paire.id,
                session=controle.session,
                uai=controle.uai,
                academie=academie,
                arrive_le=controle.exporte_le,
                siecle=paire.ligne.siecle,
                courriel=paire.courriel,
                dans_vivier_initial=rapprochement.premier_envoi or not vivier_gele,
            )
            changements.append(Changement(nature=Nature.NOUVEAU, eleve=eleve, ligne=paire.ligne.ligne))
        elif paire.connu.uai != controle.uai:
            arrived = paire.connu.arrive(controle.uai, academie=academie, le=controle.exporte_le)
            changed = _change(arrived, paire, vivier_gele=vivier_gele)
            changements.append(replace(changed, nature=Nature.ARRIVE, champs=paire.connu.differences(changed.eleve)))
        else:
            changements.append(_change(paire.connu, paire, vivier_gele=vivier_gele))
    parti_le = controle.exporte_le.date()
    changements += [_leave(eleve, parti_le, vivier_gele=vivier_gele) for eleve in rapprochement.absents]
    return tuple(changements)


def _change(connu: Eleve, paire: Paire, *, vivier_gele: bool) -> Changement:
    ligne = paire.ligne
    eleve = connu.with_siecle(_completed(ligne.siecle, connu.siecle, ligne), paire.courriel, vivier_gele=vivier_gele)
    if ligne.sorti_le is not None:
        eleve = eleve.leave(ligne.sorti_le, vivier_gele=vivier_gele)
    if eleve == connu:
        return Changement(nature=Nature.INCHANGE, eleve=connu, ligne=ligne.ligne)
    nature = Nature.PARTI if connu.present and not eleve.present else Nature.MODIFIE
    return Changement(nature=nature, eleve=eleve, ligne=ligne.ligne, champs=connu.differences(eleve))


def _completed(siecle: DonneesSiecle, connu: DonneesSiecle, ligne: LigneControlee) -> DonneesSiecle:
    """SIECLE takes its class from a student who leaves; its former one is still told."""
    if ligne.sorti_le is None or siecle.classe is not None:
        return siecle
    return replace(siecle, classe=connu.classe)


def _leave(eleve: Eleve, le: date, *, vivier_gele: bool) -> Changement:
    left = eleve.leave(le, vivier_gele=vivier_gele)
    return Changement(nature=Nature.ABSENT, eleve=left, ligne=None, champs=eleve.differences(left))
