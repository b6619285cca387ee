"""Inviting many at once: a list is announced, received and checked whole, then each of its rows is an invitation of its
own (issue 4: « one, or many from a spreadsheet with a row-by-row report », ADR 035).
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson
from ulid import ULID

from kit.errors import Conflict, Forbidden, NotFound, Refusal
from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.courriels import CourrielPris, CourrielRefuse, parse_address
from services.identity.domain.depots import (
    EN_ATTENTE,
    ERREUR,
    JOUR,
    OCTETS,
    VALIDITE,
    ContenuInattendu,
    Depot,
    DepotInvalide,
    EtatDepot,
    IssueLigne,
    LigneTraitee,
    Refuse,
    TropDeDepots,
    TropDInvites,
)
from services.identity.domain.listes import Colonne, LigneListe, parse_row, read_list
from services.identity.store import depots as store
from services.identity.store.comptes import find_compte
from services.identity.store.depots import Ligne, NouvelleLigne
from services.identity.store.work import Work
from services.identity.tableaux.lecture import read_rows
from services.identity.usecases.audit import note, note_refused, refusals_noted
from services.identity.usecases.changement import sensitive
from services.identity.usecases.comptes import fingerprint
from services.identity.usecases.invitations import Invite, invite_listed
from services.identity.usecases.lectures import as_now
from socle.principal import Principal

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ESSAIS = 5
"""≈ ours: tries of a row that something else was in the way of."""
_PLUS_TARD = timedelta(seconds=30)
"""≈ ours: until the next of them; an address that a process claimed and died is free after a minute."""
_ENSEMBLE = 50
"""Rows that are looked up at once."""


class AutreProcessus(Exception):
    """Another process has treated the row."""


async def request_deposit(deps: Deps, principal: Principal | None, *, taille: int, sha256: str) -> Depot:
    """Announce a list of persons to invite; it is awaited for ten minutes, from the same account.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks may invite nobody, or has not just proved who it is.
        DepotInvalide: it is empty, too large, or badly described.
        TropDeDepots: as many are awaited as an account may announce.
    """
    async with sensitive(deps, principal, Acte.LISTE_DEPOSEE) as giver:
        now = deps.clock()
        policy.require_invites(giver, now=now)
        if not 1 <= taille <= OCTETS:
            raise DepotInvalide(
                f"Un fichier compte de 1 octet à {OCTETS // 1024**2} Mo : gardez-en les seules colonnes du modèle.",
                champ="taille",
            )
        if not _SHA256.fullmatch(sha256):
            raise DepotInvalide("`sha256` doit avoir 64 chiffres hexadécimaux minuscules.", champ="sha256")
        depot = Depot(
            id=str(ULID()),
            compte=giver.compte,
            taille=taille,
            sha256=sha256,
            demande_le=now,
            expire_le=now + VALIDITE,
        )

        async def body(work: Work) -> None:
            if await work.depots.count_waiting(giver.compte, now=now) >= EN_ATTENTE:
                raise TropDeDepots
            await work.depots.open(depot)

        await deps.transact(body)
    return depot


async def receive(deps: Deps, principal: Principal | None, id: str, content: AsyncIterator[bytes]) -> Depot:
    """Take a list that comes, checked whole; on return its rows are durable, and the file itself is nowhere.

    Who sends it may invite before a byte is read, and again once all of them are there, a moment later.

    Raises:
        Unauthenticated, Forbidden: who sends it is not signed in, or may invite nobody.
        NotFound: it announced no such file, or it came already, or too late.
        ContenuInattendu: the bytes are not those announced; the file is still awaited.
        TropDInvites: the account has sent as many rows as it may within a day; the file is still awaited.
    """
    signed_in = policy.require_signed_in(principal)
    async with refusals_noted(deps, Acte.LISTE_DEPOSEE, par=Partie.of(signed_in), detail={"depot": id}):
        active = policy.require_active(signed_in)
        depot = await _awaited(deps, id, active)
        received = await _read_announced(depot, content)
        sender = await as_now(deps, active)
        await _awaited(deps, id, sender)
        await _keep_rows(deps, depot, received, par=Partie.of(sender))
    return await _as_it_is(deps, depot)


async def _read_announced(depot: Depot, content: AsyncIterator[bytes]) -> bytes:
    received = bytearray()
    async for chunk in content:
        received += chunk
        if len(received) > depot.taille:
            raise ContenuInattendu
    if len(received) != depot.taille or hashlib.sha256(received).hexdigest() != depot.sha256:
        raise ContenuInattendu
    return bytes(received)


async def _keep_rows(deps: Deps, depot: Depot, content: bytes, *, par: Partie) -> None:
    """Keep the rows of a list, or why it is refused."""
    try:
        rangees = await asyncio.to_thread(read_rows, content, most=deps.invitations_par_fichier + 1)
        lignes = read_list([(rangee.numero, rangee.cellules) for rangee in rangees])
    except Refusal as refus:
        await note_refused(deps, Acte.LISTE_DEPOSEE, refus.code, par=par, detail={"depot": depot.id})
        await _refuse(deps, depot, _said(refus))
        return
    kept = await asyncio.to_thread(_seal, deps, depot.id, lignes)

    async def body(work: Work) -> None:
        now = deps.clock()
        sent = await work.depots.count_lignes(depot.compte, since=now - JOUR)
        if sent + len(kept) > deps.invitations_par_jour:
            raise TropDInvites(deps.invitations_par_jour)
        if not await work.depots.take(depot, kept, now=now):
            raise _unknown_depot()
        detail = {"depot": depot.id, "lignes": str(len(kept))}
        await note(deps, work, Acte.LISTE_DEPOSEE, par=par, detail=detail)

    await deps.transact(body)


async def _awaited(deps: Deps, id: str, sender: Principal) -> Depot:
    now = deps.clock()
    policy.require_invites(sender, now=now)
    depot = await store.find_awaited(deps.database, id, compte=sender.compte, now=now)
    if depot is None:
        raise _unknown_depot()
    return depot


def _unknown_depot() -> NotFound:
    return NotFound(
        "Cette adresse de dépôt n'existe pas, a déjà servi ou n'est plus valable : demandez-en une autre par "
        "`demanderDepotInvitations`."
    )


async def _refuse(deps: Deps, depot: Depot, refus: Refuse) -> None:
    async def body(work: Work) -> None:
        if not await work.depots.refuse(depot, refus, now=deps.clock()):
            raise _unknown_depot()

    await deps.transact(body)


async def _as_it_is(deps: Deps, depot: Depot) -> Depot:
    held = await store.find_depot(deps.database, depot.id, compte=depot.compte)
    if held is None:
        raise _unknown_depot()
    return held


def _said(refus: Refusal | Forbidden) -> Refuse:
    return Refuse(code=refus.code, message=refus.message, champ=refus.champ if isinstance(refus, Refusal) else None)


def _seal(deps: Deps, depot: str, lignes: Sequence[LigneListe]) -> list[NouvelleLigne]:
    sealed = []
    for ligne in lignes:
        said = orjson.dumps({colonne.value: valeur for colonne, valeur in ligne.valeurs.items()})
        contenu = deps.vault.seal(said, purpose=_purpose(store.ligne_id(depot, ligne.numero)))
        empreinte = _fingerprint(deps, ligne.valeurs)
        sealed.append(NouvelleLigne(numero=ligne.numero, contenu=contenu, empreinte=empreinte))
    return sealed


def _purpose(id: str) -> str:
    return f"invitation/{id}"


def _fingerprint(deps: Deps, valeurs: Mapping[Colonne, str]) -> str | None:
    try:
        return fingerprint(deps, parse_address(valeurs.get(Colonne.COURRIEL, "")))
    except CourrielRefuse:
        return None


async def waiting(deps: Deps) -> Sequence[Ligne]:
    """Some of the rows that wait, those that have waited longest first."""
    return await store.next_lignes(deps.database, now=deps.clock(), most=_ENSEMBLE)


async def treat(deps: Deps, ligne: Ligne) -> None:
    """Invite the person of a row.

    Whatever is refused is said in the report, and keeps no other row from being treated. A row is treated once: what
    becomes of it is written in the transaction that invites.

    Raises:
        Unavailable: the store does not answer: to be done again.
    """
    try:
        await _invite(deps, ligne)
    except AutreProcessus:
        pass
    except (CourrielPris, Conflict) as refus:
        if ligne.essais + 1 < _ESSAIS:
            await store.put_off(deps.database, ligne, until=deps.clock() + _PLUS_TARD)
        else:
            await _end(deps, ligne, _said(refus))
    except (Refusal, Forbidden) as refus:
        await _end(deps, ligne, _said(refus))


async def give_up(deps: Deps, ligne: Ligne) -> None:
    """End a row that could not be treated for a reason of ours; the others go on."""
    await _end(deps, ligne, ERREUR)


async def _invite(deps: Deps, ligne: Ligne) -> None:
    said = orjson.loads(deps.vault.open(ligne.contenu, purpose=_purpose(ligne.id)))
    invitation = parse_row({Colonne(name): value for name, value in said.items()})

    async def also(work: Work, invited: Invite) -> None:
        if invited.nouveau:
            issue = IssueLigne.INVITE
        else:
            issue = IssueLigne.ROLE_DONNE if invited.change else IssueLigne.INCHANGE
        if not await work.depots.finish(ligne, issue, compte=invited.compte.id, now=deps.clock()):
            raise AutreProcessus

    await invite_listed(deps, await _sender(deps, ligne), invitation, also=also)


async def _sender(deps: Deps, ligne: Ligne) -> Principal:
    """Who sent the list, with the rights that it has now: one that was taken away refuses the rows that are left."""
    compte = await find_compte(deps.database, ligne.deposant)
    if compte is None:
        # Its rows went with it in the same instant.
        raise AutreProcessus
    return Principal(compte=compte.id, session="", actif=compte.actif, roles=compte.roles, droits=compte.droits)


async def _end(deps: Deps, ligne: Ligne, refus: Refuse) -> None:
    async def body(work: Work) -> None:
        await work.depots.finish(ligne, IssueLigne.REFUSE, refus=refus, now=deps.clock())

    await deps.transact(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suivi:
    """A file, where it is, and how many of its rows ended so (those that wait, under None)."""

    depot: Depot
    etat: EtatDepot
    issues: Mapping[IssueLigne | None, int]


async def follow(deps: Deps, principal: Principal | None, id: str) -> Suivi:
    """What becomes of a file, for whoever sent it, as long as it may invite.

    Raises:
        Unauthenticated, Forbidden: nobody is signed in, or may invite nobody any more.
        NotFound: it announced no such file.
    """
    active, now = policy.require_active(principal), deps.clock()
    policy.require_invites(active, now=now)
    depot = await store.find_depot(deps.database, id, compte=active.compte)
    if depot is None:
        raise NotFound("Ce fichier n'est pas de ceux que vous avez envoyés depuis 30 jours : vérifiez son identifiant.")
    issues = await store.count_issues(deps.database, id)
    return Suivi(depot=depot, etat=depot.etat(restantes=issues.get(None, 0), now=now), issues=issues)


async def report(
    deps: Deps, suivi: Suivi, *, issue: IssueLigne | None, first: int, after: int
) -> Sequence[LigneTraitee]:
    """The rows of a file after the one of that number, one more than `first` when there are more."""
    return await store.list_lignes(deps.database, suivi.depot.id, issue=issue, first=first + 1, after=after)
