"""Announcing SIECLE files that will be sent, and what becomes of those that never come (domaine.md §5.1, ADR 011)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ulid import ULID

from kit.errors import Refusal
from services.eleves import policy
from services.eleves.deps import Deps
from services.eleves.encours import GARDE
from services.eleves.imports import VALIDITE, EtatImport, Fichier, ImportSiecle
from services.eleves.lieux import lieu_of
from services.eleves.siecle.paquet import LIMITES
from services.eleves.store.imports import list_overdue
from services.eleves.store.work import Work
from services.eleves.usecases.fenetres import find_calendar, require_open
from socle.principal import Lieu, Principal

_FICHIERS = 3
"""The exports that are of use here: students, structures, nomenclature (domaine.md §5.1)."""

_NOM = 120
"""≈ ours: characters of a name, which only messages show; SIECLE's own have some thirty."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class DepotInvalide(Refusal):
    """What is announced cannot be."""

    code = "DEPOT_INVALIDE"


class AcademieNonOuverte(Refusal):
    """The académie of the school does not take part yet."""

    code = "ACADEMIE_NON_OUVERTE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annonce:
    """A file that will be sent.

    Args:
        taille: bytes.
        sha256: of its bytes, in hexadecimal.
    """

    nom: str
    taille: int
    sha256: str


async def announce(
    deps: Deps, principal: Principal, *, session: int, uai: str, fichiers: Sequence[Annonce]
) -> ImportSiecle:
    """Open a deposit for these files, sent together; each is then awaited for ten minutes.

    Raises:
        Forbidden: `principal` may not send the files of that school.
        NotFound: no such school.
        DepotInvalide: none, too many, too large, or badly described.
        AcademieNonOuverte: the school's académie does not take part yet.
        SessionInconnue: no such session.
        FenetreFermee: it is too early, or too late.
        TropDeDepots, PlaceEpuisee: too much of it waits or is kept already.
        Conflict: the same account asked for another at this very moment.
        Unavailable: the calendar is not known yet.
    """
    lieu = lieu_of(uai)
    policy.require_deposit(principal, lieu, now=deps.clock())
    opened = open_deposit(deps, lieu, session=session, compte=principal.compte, fichiers=fichiers)
    require_open(deps, await find_calendar(deps, session), lieu.academie)

    async def body(work: Work) -> ImportSiecle:
        encours = await work.imports.encours(opened, since=opened.demande_le - GARDE)
        return await work.imports.open(replace(opened, place=encours.place_for(opened.fichiers)))

    return await deps.transact(body)


def open_deposit(deps: Deps, lieu: Lieu, *, session: int, compte: str, fichiers: Sequence[Annonce]) -> ImportSiecle:
    """A deposit for these files, which nobody knows of yet.

    Raises:
        DepotInvalide, AcademieNonOuverte: as `announce`.
    """
    _check(fichiers)
    if lieu.academie not in deps.academies:
        raise AcademieNonOuverte("Votre académie n'est pas encore ouverte sur cette plateforme : écrivez-lui.")
    now = deps.clock()
    return ImportSiecle(
        id=f"{session}/{ULID()}",
        session=session,
        uai=lieu.uai,
        academie=lieu.academie,
        compte=compte,
        fichiers=tuple(Fichier(id=str(ULID()), nom=f.nom, taille=f.taille, sha256=f.sha256) for f in fichiers),
        demande_le=now,
        expire_le=now + VALIDITE,
    )


def _check(fichiers: Sequence[Annonce]) -> None:
    if not 1 <= len(fichiers) <= _FICHIERS:
        raise DepotInvalide(f"Envoyez de un à {_FICHIERS} fichiers à la fois.", champ="fichiers")
    for fichier in fichiers:
        if not fichier.nom.strip() or len(fichier.nom) > _NOM or not fichier.nom.isprintable():
            raise DepotInvalide(f"Donnez à chaque fichier un nom de {_NOM} caractères au plus.", champ="nom")
        if not 1 <= fichier.taille <= LIMITES.envoi:
            raise DepotInvalide(
                f"Chaque fichier doit avoir de 1 octet à {LIMITES.envoi // 1024**2} Mo : envoyez l'export de votre "
                "seul établissement.",
                champ="taille",
            )
        if not _SHA256.fullmatch(fichier.sha256):
            raise DepotInvalide("`sha256` doit avoir 64 chiffres hexadécimaux minuscules.", champ="sha256")


async def end_overdue(deps: Deps) -> int:
    """End the deposits whose ten minutes are over, and erase those of their files that came; return how many ended.

    A file that a crash saves from it goes with the others of its age, after thirty days.
    """
    ended = [await _save_ended(deps, id) for id in await list_overdue(deps.database, now=deps.clock())]
    expired = [held for held in ended if held.etat is EtatImport.EXPIRE]
    for held in expired:
        received = [fichier.contenu for fichier in held.fichiers if fichier.contenu is not None]
        if received:
            await deps.files.delete(*received)
            await _save_forgotten(deps, held.id)
    return len(expired)


async def _save_ended(deps: Deps, id: str) -> ImportSiecle:
    async def body(work: Work) -> ImportSiecle:
        return await work.imports.save((await work.imports.get(id)).expire(now=deps.clock()))

    return await deps.transact(body)


async def _save_forgotten(deps: Deps, id: str) -> None:
    async def body(work: Work) -> None:
        await work.imports.save((await work.imports.get(id)).forget_files())

    await deps.transact(body)
