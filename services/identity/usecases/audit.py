"""Writing the audit trail, reading it, sealing it, verifying it (domaine.md §3)."""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from ulid import ULID

from kit.errors import Conflict, Forbidden, Refusal
from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain.audit import (
    OPERATEUR,
    Acte,
    Issue,
    Lecture,
    Lieux,
    LigneAudit,
    Niveau,
    Partie,
    Recherche,
    addresses_differ,
    asked,
    asked_uai,
)
from services.identity.domain.comptes import Compte
from services.identity.domain.sceaux import Anomalie, Defaut, Publie, Sceau, Verification
from services.identity.origine import adresse
from services.identity.store import audit as store
from services.identity.store.etablissements import academies_by_uai, academies_of
from services.identity.store.work import Work
from socle.academies import academies_of_region
from socle.principal import Principal

_SCELLE_AVANT = timedelta(minutes=1)
"""How old a line without seal may be: a seal is made each second, and the store may have been away for some."""


async def note(
    deps: Deps,
    work: Work,
    acte: Acte,
    *,
    par: Partie | None,
    cible: Partie | None = None,
    uai: str | None = None,
    detail: Mapping[str, str] | None = None,
) -> None:
    """Write that `par` did it, or somebody unknown, in the transaction that does it.

    It is about `cible`, if that is another account; and about the establishment `uai`, or else those of the account.
    """
    ligne = await _line(deps, acte, Issue.FAITE, par=par, cible=cible, uai=uai, motif=None, detail=detail)
    await work.audit.append(ligne, adresse=adresse())


async def note_refused(
    deps: Deps,
    acte: Acte,
    motif: str,
    *,
    par: Partie | None = None,
    cible: Partie | None = None,
    uai: str | None = None,
    detail: Mapping[str, str] | None = None,
) -> None:
    """Write that it was refused, with the code of the refusal; `par` is None for whoever has proved nothing."""
    said = asked(detail or {})
    ligne = await _line(deps, acte, Issue.REFUSEE, par=par, cible=cible, uai=asked_uai(uai), motif=motif, detail=said)

    async def body(work: Work) -> None:
        await work.audit.append(ligne, adresse=adresse())

    await deps.transact(body)


@asynccontextmanager
async def refusals_noted(
    deps: Deps, acte: Acte, *, par: Partie, uai: str | None = None, detail: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """Whatever is refused within is written, then refused."""
    try:
        yield
    except (Refusal, Forbidden) as refus:
        await note_refused(deps, acte, refus.code, par=par, uai=uai, detail=detail)
        raise


async def _line(
    deps: Deps,
    acte: Acte,
    issue: Issue,
    *,
    par: Partie | None,
    cible: Partie | None,
    uai: str | None,
    motif: str | None,
    detail: Mapping[str, str] | None,
) -> LigneAudit:
    parties = [partie for partie in (par, cible) if partie is not None]
    # Of the account it is about, where there is one: who acts on it may have others, which it does not concern.
    concerned = (cible or par).uais if parties else frozenset[str]()  # type: ignore[union-attr] # one of them is there
    uais = concerned if uai is None else frozenset({uai})
    by_role = frozenset(
        academie
        for partie in parties
        for role in partie.roles
        for academie in _academies(role.academie, role.region_academique)
    )
    return LigneAudit(
        id=str(ULID()),
        le=deps.clock(),
        acte=acte,
        issue=issue,
        # Nobody's acts are read by the national team alone.
        niveau=max((partie.niveau for partie in parties), default=Niveau.NATIONAL),
        # Asked for even when there is none: a wrong password takes the same time with an account and without.
        lieux=Lieux(uais=uais, academies=by_role | await academies_of(deps.database, uais)),
        acteur=None if par is None else par.id,
        cible=None if cible is None else cible.id,
        motif=motif,
        detail=detail or {},
    )


def _academies(academie: str | None, region: str | None) -> frozenset[str]:
    if academie is not None:
        return frozenset({academie})
    return academies_of_region(region) if region is not None else frozenset()


@dataclass(frozen=True, slots=True)
class LigneLue:
    """A line, with the address it came from while that is kept, and those of its places that the reader may know."""

    ligne: LigneAudit
    adresse: str | None
    lieux: Lieux


@dataclass(frozen=True, slots=True)
class PageAudit:
    """Lines, the newest first, one more than asked for when there are more; and how many there are in all."""

    rows: Sequence[LigneLue]
    total: int


@dataclass(frozen=True, slots=True)
class Lecteur:
    """Who reads the trail, and which of its lines it may read."""

    partie: Partie
    lecture: Lecture


OPERATEUR_LECTEUR = Lecteur(OPERATEUR, Lecture(tout=True, compte=OPERATEUR.id, uais=frozenset(), academies=frozenset()))


def reader(deps: Deps, principal: Principal | None) -> Lecteur:
    """Anyone signed in, for what it may read.

    Raises:
        Unauthenticated, Forbidden: nobody is signed in, or the account is disabled.
    """
    active = policy.require_active(principal)
    return Lecteur(Partie.of(active), policy.audit_scope(active, now=deps.clock()))


async def read(
    deps: Deps, lecteur: Lecteur, recherche: Recherche, *, first: int, before: str | None = None
) -> PageAudit:
    """The lines looked for that `lecteur` may read; that it read them is itself written."""
    lecture = await _where(deps, lecteur.lecture, recherche)
    rows = await store.search(deps.database, recherche, lecture, first=first + 1, before=before)
    total = await store.count(deps.database, recherche, lecture)
    await _note_reading(deps, lecteur, Acte.AUDIT_LU, recherche)
    return PageAudit(await _shown(deps, lecteur.lecture, rows), total)


async def read_own(deps: Deps, compte: Compte, recherche: Recherche, *, first: int) -> Sequence[LigneLue]:
    """The newest lines looked for of what the account itself did, or was done to it; that it read them is written."""
    lecture = Lecture(tout=False, compte=compte.id, uais=frozenset(), academies=frozenset())
    page = await read(deps, Lecteur(Partie.of(compte), lecture), recherche, first=first)
    return page.rows[:first]


_EXPORT_PAGE = 100


async def export(
    deps: Deps, lecteur: Lecteur, recherche: Recherche, *, most: int = sys.maxsize
) -> AsyncIterator[LigneLue]:
    """The lines looked for that `lecteur` may read, the newest first, `most` of them; that is itself written, first."""
    await _note_reading(deps, lecteur, Acte.AUDIT_EXPORTE, recherche)
    before: str | None = None
    lecture = await _where(deps, lecteur.lecture, recherche)
    while rows := await store.search(deps.database, recherche, lecture, first=min(most, _EXPORT_PAGE), before=before):
        for row in await _shown(deps, lecteur.lecture, rows):
            yield row
        before, most = rows[-1].id, most - len(rows)
        if not most:
            return


async def _where(deps: Deps, lecture: Lecture, recherche: Recherche) -> Lecture:
    """What may be read of an establishment that is named: elsewhere than in one's own places, one's own lines only.

    Who works in two would otherwise be found in the second by who manages the first (ADR 030).
    """
    if lecture.tout or recherche.uai is None or recherche.uai in lecture.uais:
        return lecture
    if await academies_of(deps.database, [recherche.uai]) & lecture.academies:
        return lecture
    return replace(lecture, uais=frozenset(), academies=frozenset())


async def _shown(deps: Deps, lecture: Lecture, rows: Sequence[LigneAudit]) -> list[LigneLue]:
    known = await store.addresses_of(deps.database, [row.id for row in rows])
    named = {uai for row in rows for uai in row.lieux.uais}
    academies = {} if lecture.tout else await academies_by_uai(deps.database, named | lecture.uais)
    return [LigneLue(row, known.get(row.id), lecture.places_of(row, academies)) for row in rows]


async def _note_reading(deps: Deps, lecteur: Lecteur, acte: Acte, recherche: Recherche) -> None:
    said = asked(_looked_for(recherche))

    async def body(work: Work) -> None:
        await note(deps, work, acte, par=lecteur.partie, uai=asked_uai(recherche.uai), detail=said)

    await deps.transact(body)


def _looked_for(recherche: Recherche) -> dict[str, str]:
    asked = {
        "compte": recherche.compte,
        "acte": recherche.acte,
        "issue": recherche.issue,
        "depuis": recherche.depuis and recherche.depuis.isoformat(),
        "jusqu_au": recherche.jusqu_au and recherche.jusqu_au.isoformat(),
    }
    return {name: value for name, value in asked.items() if value}


async def seal(deps: Deps) -> Sceau | None:
    """Seal the oldest lines that have no seal yet; None when all have one, or another process is doing it."""

    async def body(work: Work) -> Sceau | None:
        return await work.audit.seal(now=deps.clock())

    try:
        return await deps.transact(body)
    except Conflict:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constat:
    """What a verification found.

    Args:
        sceaux: how many seals were checked; `lignes`: how many lines under them.
        sans_sceau: how many lines should have a seal by now and have none.
    """

    anomalies: Sequence[Anomalie]
    sceaux: int
    lignes: int
    sans_sceau: int

    @property
    def sain(self) -> bool:
        return not self.anomalies and self.sans_sceau == 0


async def verify(deps: Deps, publies: Sequence[Publie], *, restaurations: frozenset[int] = frozenset()) -> Constat:
    """Check every seal of the trail against its lines and their addresses, the one before it, and `publies`.

    `restaurations` are the generations that began with a restoration which is known to have taken place.
    """
    verification, anomalies, now = Verification(publies, restaurations), list[Anomalie](), deps.clock()
    sceaux = lignes = last = 0
    async for scellees in store.read_seals(deps.database):
        sceau, lines = scellees.sceau, scellees.lignes
        anomalies += verification.check(sceau, lines)
        if addresses_differ(lines, scellees.adresses, now=now):
            anomalies.append(Anomalie(defaut=Defaut.ADRESSES_MODIFIEES, numero=sceau.numero, le=sceau.le))
        last = sceau.numero
        sceaux, lignes = sceaux + 1, lignes + len(lines)
    anomalies += verification.check_end()
    if await store.count_astray(deps.database, last=last):
        anomalies.append(Anomalie(defaut=Defaut.LIGNES_SANS_SCEAU_CONNU, numero=last + 1))
    late = await store.count_unsealed(deps.database, before=deps.clock() - _SCELLE_AVANT)
    return Constat(anomalies=anomalies, sceaux=sceaux, lignes=lignes, sans_sceau=late)
