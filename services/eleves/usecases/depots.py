"""Sending SIECLE files: announced, then received and checked against what was announced (domaine.md §5.1)."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from opentelemetry import propagate
from ulid import ULID

from kit.errors import NotFound, Refusal
from kit.mongo.files import StoredFile, TooLong
from services.eleves import policy
from services.eleves.deps import Deps
from services.eleves.imports import VALIDITE, EtatImport, Fichier, ImportSiecle
from services.eleves.siecle.paquet import LIMITES
from services.eleves.store.imports import find_import_of, list_imports
from services.eleves.store.work import Work
from socle.academies import academie_of_uai
from socle.fenetres import Calendrier, CodeFenetre, EtatFenetre
from socle.identifiants import IdentifiantInvalide, parse_uai_origine
from socle.principal import Lieu, Principal

_FICHIERS = 3
_OPERATEUR = "operateur"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NOM = 120


class DepotInvalide(Refusal):
    """What is announced cannot be."""

    code = "DEPOT_INVALIDE"


class FenetreFermee(Refusal):
    """The window is not open yet, or not any more."""

    code = "FENETRE_FERMEE"


class AcademieNonOuverte(Refusal):
    """The académie of the school does not take part yet."""

    code = "ACADEMIE_NON_OUVERTE"


class ContenuInattendu(Refusal):
    """What came is not what was announced."""

    code = "CONTENU_INATTENDU"


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


async def announce(
    deps: Deps, principal: Principal, *, session: int, uai: str, fichiers: Sequence[Annonce]
) -> ImportSiecle:
    """Open a deposit for these files, sent together; each is then awaited for ten minutes.

    Raises:
        Forbidden: `principal` may not send the files of that school.
        NotFound: no such school.
        DepotInvalide: none, too many, too large, or badly described.
        AcademieNonOuverte: the school's académie does not take part yet.
        FenetreFermee: it is too early, or too late.
        Unavailable: the calendar is not known yet.
    """
    lieu = lieu_of(uai)
    policy.require_deposit(principal, lieu, now=deps.clock())
    opened = _open(deps, lieu, session=session, compte=principal.compte, fichiers=fichiers)
    _require_open(deps, await deps.calendriers.get(session), lieu.academie)

    async def body(work: Work) -> ImportSiecle:
        return await work.imports.save(opened)

    return await deps.transact(body)


def _open(deps: Deps, lieu: Lieu, *, session: int, compte: str, fichiers: Sequence[Annonce]) -> ImportSiecle:
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


def _require_open(deps: Deps, calendrier: Calendrier, academie: str) -> EtatFenetre:
    """Where the window of uploads is now.

    Raises:
        FenetreFermee: nothing is accepted; with the dates.
    """
    fenetre = calendrier.fenetre(CodeFenetre.REMONTEE_SIECLE, academie)
    if fenetre is None:
        raise FenetreFermee(f"La session {calendrier.session} n'a pas de remontée des fichiers SIECLE.")
    now = deps.campaign_clock()
    refusal = fenetre.refusal(now)
    if refusal is not None:
        raise FenetreFermee(refusal)
    return fenetre.state(now)


async def find_awaited(deps: Deps, principal: Principal, fichier: str) -> ImportSiecle:
    """The deposit that a file is awaited for, by the very person who announced it.

    Raises:
        NotFound: there is none of that id, or somebody else announced it.
        DepotClos: it came already, or too late.
    """
    found = await find_import_of(deps.database, fichier)
    if found is None or found.compte != principal.compte:
        raise NotFound("Cette adresse de dépôt n'existe pas : demandez-en une par `demanderDepot`.")
    found.awaits(fichier, now=deps.clock())
    return found


async def receive(
    deps: Deps, held: ImportSiecle, fichier: str, content: AsyncIterator[bytes], *, principal: Principal
) -> ImportSiecle:
    """Keep a file that comes; on return it is durable, and with the last one of its deposit the import may begin.

    Args:
        deps: the service's.
        held: the deposit, as `find_awaited` gave it.
        fichier: which of its files.
        content: its bytes, as they come.
        principal: whoever sends it, with the rights that identity holds at this instant.

    Raises:
        Forbidden: the right was taken away meanwhile.
        ContenuInattendu: the bytes are not those announced; the file is still awaited.
        FenetreFermee, DepotClos: it is too late.
    """
    announced = held.awaits(fichier, now=deps.clock())
    policy.require_deposit(principal, lieu_of(held.uai), now=deps.clock())
    calendrier = await deps.calendriers.get(held.session)
    _require_open(deps, calendrier, held.academie)
    try:
        stored = await deps.files.write(content, limit=announced.taille)
    except TooLong as error:
        raise _unexpected(announced) from error
    try:
        _verify(announced, stored)
        en_retard = _require_open(deps, calendrier, held.academie) is EtatFenetre.EN_RETARD
        gele = _is_frozen(deps, calendrier, held.academie)
        received = await _save(deps, held.id, fichier, stored.id, en_retard=en_retard, vivier_gele=gele)
    except BaseException:
        await deps.files.delete(stored.id)
        raise
    deps.files_received()
    return received


async def deposit_locally(deps: Deps, *, session: int, uai: str, fichiers: Mapping[str, bytes]) -> ImportSiecle | None:
    """The same for whoever has the machine, whatever the window says: the command that prepares a demonstration.

    None when the last import of that school was of these very files.

    Raises:
        NotFound, DepotInvalide, AcademieNonOuverte: as `announce`.
        Unavailable: the calendar is not known yet.
    """
    annonces = [Annonce(nom=n, taille=len(c), sha256=sha256(c).hexdigest()) for n, c in fichiers.items()]
    opened = _open(deps, lieu_of(uai), session=session, compte=_OPERATEUR, fichiers=annonces)
    calendrier = await deps.calendriers.get(session)
    last, _ = await list_imports(deps.database, session=session, uai=opened.uai, first=1, after=None)
    if last and last[0].etat is EtatImport.TERMINE and _prints(last[0]) == _prints(opened):
        return None
    gele = _is_frozen(deps, calendrier, opened.academie)
    for fichier, content in zip(opened.fichiers, fichiers.values(), strict=True):
        stored = await deps.files.write(_whole(content), limit=len(content))
        opened = opened.receive(
            fichier.id, stored.id, now=deps.clock(), en_retard=False, vivier_gele=gele, trace=_trace()
        )

    async def body(work: Work) -> ImportSiecle:
        return await work.imports.save(opened)

    return await deps.transact(body)


def _prints(held: ImportSiecle) -> list[str]:
    return [fichier.sha256 for fichier in held.fichiers]


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _save(deps: Deps, id: str, fichier: str, contenu: str, *, en_retard: bool, vivier_gele: bool) -> ImportSiecle:
    trace = _trace()

    async def body(work: Work) -> ImportSiecle:
        held = await work.imports.get(id)
        return await work.imports.save(
            held.receive(fichier, contenu, now=deps.clock(), en_retard=en_retard, vivier_gele=vivier_gele, trace=trace)
        )

    return await deps.transact(body)


def _trace() -> dict[str, str]:
    trace: dict[str, str] = {}
    propagate.inject(trace)
    return trace


def _is_frozen(deps: Deps, calendrier: Calendrier, academie: str) -> bool:
    fenetre = calendrier.fenetre(CodeFenetre.VIVIER_INITIAL, academie)
    return fenetre is not None and fenetre.state(deps.campaign_clock()) is EtatFenetre.FERMEE


def _verify(announced: Fichier, stored: StoredFile) -> None:
    if (stored.size, stored.sha256) != (announced.taille, announced.sha256):
        raise _unexpected(announced)


def _unexpected(announced: Fichier) -> ContenuInattendu:
    return ContenuInattendu(
        f"Le fichier « {announced.nom} » n'est pas arrivé tel qu'il a été annoncé (taille ou empreinte) : renvoyez-le.",
        champ="fichier",
    )
