"""What an import says in the end: what it changed, and what it left out and why (domaine.md §5.1). Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.eleves.domain import TypeTache
from services.eleves.siecle.changements import Changement, Nature
from services.eleves.siecle.compte_rendu import DETAILS, Avertissement, Rejet
from services.eleves.siecle.controle import Controle
from services.eleves.siecle.rapprochement import Rapprochement


@dataclass(frozen=True, slots=True, kw_only=True)
class Rapport:
    """What an import did, and what it left out and why: for the school that sent it only, since it names students.

    Args:
        lignes: rows of students of terminale.
        acceptees: those that were kept: new, arrived, changed, unchanged, or of students who have left.
        partis: students who have left, told by the file or missing in it.
        ecartees: rows of other levels, which is no mistake.
        deja_partis: rows of students who had left before the school ever sent them.
        rejets, avertissements: the first thousand of each.
        taches: what is to be done for the students that the file has, by kind.
    """

    lignes: int
    acceptees: int
    nouveaux: int
    arrives: int
    modifies: int
    inchanges: int
    partis: int
    rejetees: int
    ecartees: int
    deja_partis: int
    rejets: tuple[Rejet, ...]
    avertissements: tuple[Avertissement, ...]
    taches: Mapping[TypeTache, int]


def report(
    controle: Controle,
    rapprochement: Rapprochement,
    changements: Sequence[Changement],
    appliques: Mapping[Nature, int],
    constats: Sequence[Avertissement],
) -> Rapport:
    """The report of an import.

    Args:
        controle: the check of the file.
        rapprochement: what its rows were matched with.
        changements: all that the file means, unchanged students included, as last planned.
        appliques: the changes that were applied, before a crash too: those the plan then knows as unchanged.
        constats: what was seen of other schools while they were applied.
    """
    rejets = (*controle.rejets, *rapprochement.rejets)
    avertissements = (*controle.avertissements, *rapprochement.avertissements, *constats)
    rejetees = len(controle.rejetees) + len(rapprochement.rejets)
    acceptees = len(rapprochement.paires)
    told = (Nature.NOUVEAU, Nature.ARRIVE, Nature.MODIFIE, Nature.PARTI)
    taches = Counter(
        c.eleve.courriel.tache
        for c in changements
        if c.ligne is not None and c.eleve.present and c.eleve.courriel.tache is not None
    )
    return Rapport(
        lignes=acceptees + rejetees + rapprochement.deja_partis,
        acceptees=acceptees,
        nouveaux=appliques.get(Nature.NOUVEAU, 0),
        arrives=appliques.get(Nature.ARRIVE, 0),
        modifies=appliques.get(Nature.MODIFIE, 0),
        inchanges=acceptees - sum(appliques.get(nature, 0) for nature in told),
        partis=appliques.get(Nature.PARTI, 0) + appliques.get(Nature.ABSENT, 0),
        rejetees=rejetees,
        ecartees=controle.ecartes_non_terminale,
        deja_partis=rapprochement.deja_partis,
        rejets=rejets[:DETAILS],
        avertissements=avertissements[:DETAILS],
        taches=dict(taches),
    )
