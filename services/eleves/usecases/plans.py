"""What an import would do to a school as it is now; made anew by whoever goes on after a crash (ADR 012)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ulid import ULID

from services.eleves.deps import Deps
from services.eleves.domain import Eleve
from services.eleves.imports import ImportSiecle
from services.eleves.siecle.arrivees import match_arrivals, unmatched_ines
from services.eleves.siecle.changements import Changement, Nature, plan
from services.eleves.siecle.controle import Controle, LigneControlee
from services.eleves.siecle.rapprochement import Rapprochement, match, share_courriels
from services.eleves.store.listes import find_elsewhere
from services.eleves.usecases import adresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparaison:
    """What the files of an import hold, beside the students of the school and of others as they are now.

    Args:
        connus: these students, by id.
    """

    controle: Controle
    rapprochement: Rapprochement
    connus: dict[str, Eleve]

    def ines_elsewhere(self, uai: str) -> frozenset[str]:
        """The INE that students of other schools than `uai` had, among those that its rows were matched with."""
        return frozenset(ine for eleve in self.connus.values() if eleve.uai != uai for ine in eleve.siecle.ines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the files of an import mean for the school.

    Args:
        former: addresses that known students give up (fingerprint to student).
    """

    compare: Comparaison
    changements: Sequence[Changement]
    former: Mapping[str, str]

    @property
    def remaining(self) -> Sequence[Changement]:
        return [c for c in self.changements if c.nature is not Nature.INCHANGE]

    @property
    def eleves(self) -> Collection[Eleve]:
        """All the students that are known, once the changes are applied."""
        return (self.compare.connus | {c.eleve.id: c.eleve for c in self.changements}).values()

    def changes_academie(self, changement: Changement) -> bool:
        known = self.compare.connus.get(changement.eleve.id)
        return known is not None and known.academie != changement.eleve.academie


async def compare(deps: Deps, held: ImportSiecle, controle: Controle, connus: Sequence[Eleve]) -> Comparaison:
    """Match the rows with the students of the school and of others."""
    matched = match(controle, connus, new_id=ids_of_new(deps, held))
    ines = unmatched_ines(matched)
    ailleurs = await find_elsewhere(deps.database, session=held.session, uai=held.uai, ines=ines)
    matched = share_courriels(match_arrivals(matched, ailleurs, exporte_le=controle.exporte_le))
    known = {eleve.id: eleve for eleve in (*connus, *ailleurs)}
    return Comparaison(controle=controle, rapprochement=matched, connus=known)


async def make_plan(deps: Deps, held: ImportSiecle, compared: Comparaison) -> Plan:
    """Claim the addresses of the students who change, and say what becomes of each."""
    matched = compared.rapprochement
    former = adresses.given_up(deps, held.session, matched.paires)
    matched = await adresses.claim(deps, held.session, matched, former)
    changements = plan(matched, controle=compared.controle, academie=held.academie, vivier_gele=held.vivier_gele)
    return Plan(compare=replace(compared, rapprochement=matched), changements=changements, former=former)


def ids_of_new(deps: Deps, held: ImportSiecle) -> Callable[[LigneControlee], str]:
    """The id of a new student, by its row: the same one when the import is done again after a crash, since its address
    has been claimed by it.
    """
    moment = int((held.depose_le or held.demande_le).timestamp() * 1000).to_bytes(6)

    def new_id(ligne: LigneControlee) -> str:
        mark = deps.fingerprints.of("eleve", f"{held.id}/{ligne.siecle.eleve_id}")
        return f"{held.session}/{ULID(moment + bytes.fromhex(mark)[:10])}"

    return new_id
