"""The report of an import, as it is kept within it."""

from kit.mongo import Document
from services.eleves.domain import TypeTache
from services.eleves.rapport import Rapport
from services.eleves.siecle.compte_rendu import Avertissement, CodeAvertissement, CodeRejet, Rejet

_COMPTES = (
    "lignes",
    "acceptees",
    "nouveaux",
    "arrives",
    "modifies",
    "inchanges",
    "partis",
    "rejetees",
    "ecartees",
    "deja_partis",
)


def rapport_document(rapport: Rapport) -> Document:
    """Rows are arrays: their names would be the larger half of a long report."""
    return {
        **{name: getattr(rapport, name) for name in _COMPTES},
        "rejets": [[r.ligne, r.eleve, r.champ, r.code.value, r.raison] for r in rapport.rejets],
        "avertissements": [[a.ligne, a.eleve, a.champ, a.code.value, a.raison] for a in rapport.avertissements],
        "taches": {tache.value: count for tache, count in rapport.taches.items()},
    }


def read_rapport(held: Document) -> Rapport:
    """The report of a stored one."""
    return Rapport(
        **{name: held[name] for name in _COMPTES},
        rejets=tuple(
            Rejet(ligne=ligne, eleve=eleve, champ=champ, code=CodeRejet(code), raison=raison)
            for ligne, eleve, champ, code, raison in held["rejets"]
        ),
        avertissements=tuple(
            Avertissement(ligne=ligne, eleve=eleve, champ=champ, code=CodeAvertissement(code), raison=raison)
            for ligne, eleve, champ, code, raison in held["avertissements"]
        ),
        taches={TypeTache(tache): count for tache, count in held["taches"].items()},
    )
