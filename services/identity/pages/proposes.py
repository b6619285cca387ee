"""The employers whose identity the page of the password offers to sign in with."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.identity.deps import Deps
from services.identity.domain.employeurs import listed

_FEW = 4
TOUS = "/employeur"


@dataclass(frozen=True, slots=True)
class Propose:
    """An employer, and where signing in with its identity begins."""

    libelle: str
    page: str


def proposed(deps: Deps, courriel: str, demande: str) -> Sequence[Propose]:
    """Those to name; where there are too many, the page that lists all."""
    domaines = {id: fournisseur.domaines for id, fournisseur in deps.employeurs.items()}
    named = [
        Propose(f"Se connecter avec mon identité « {deps.employeurs[id].nom} »", _with(f"{TOUS}/{id}", demande))
        for id in listed(domaines, courriel, few=_FEW)
    ]
    every = Propose("Se connecter avec l'identité de mon employeur", _with(TOUS, demande))
    return named or ([every] if domaines else [])


def all_proposed(deps: Deps, demande: str) -> Sequence[Propose]:
    """All of them, by name."""
    every = [Propose(fournisseur.nom, _with(f"{TOUS}/{id}", demande)) for id, fournisseur in deps.employeurs.items()]
    return sorted(every, key=lambda propose: propose.libelle)


def _with(page: str, demande: str) -> str:
    return f"{page}?{demande}" if demande else page
