"""Receiving the SIECLE files that were announced, each checked against its announcement (domaine.md §5.1)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from hashlib import sha256

from opentelemetry import propagate

from kit.errors import NotFound, Refusal
from kit.mongo.files import StoredFile, TooLong
from services.eleves import policy
from services.eleves.deps import Deps
from services.eleves.imports import EtatImport, Fichier, ImportSiecle
from services.eleves.lieux import lieu_of
from services.eleves.store.imports import find_import_of, list_imports
from services.eleves.store.work import Work
from services.eleves.usecases.annonces import Annonce, open_deposit
from services.eleves.usecases.fenetres import find_calendar, is_frozen, require_open
from socle.fenetres import EtatFenetre
from socle.principal import Principal

_OPERATEUR = "operateur"
"""Stands for an account where whoever has the machine sends files."""


class ContenuInattendu(Refusal):
    """What came is not what was announced."""

    code = "CONTENU_INATTENDU"


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
    deps: Deps,
    held: ImportSiecle,
    fichier: str,
    content: AsyncIterator[bytes],
    *,
    confirmed: Callable[[], Awaitable[Principal]],
) -> ImportSiecle:
    """Keep a file that comes; on return it is durable, and with the last one of its deposit the import may begin.

    Args:
        deps: the service's.
        held: the deposit, as `find_awaited` gave it.
        fichier: which of its files.
        content: its bytes, as they come.
        confirmed: whoever sends it, with the rights that identity holds at the instant it is asked: before a byte is
            read, and again before what came is accepted, which cannot be taken back and may be minutes later.

    Raises:
        Forbidden: the right was taken away meanwhile.
        Unauthenticated: its session has ended meanwhile.
        Unavailable: identity does not say.
        ContenuInattendu: the bytes are not those announced; the file is still awaited.
        FenetreFermee, DepotClos: it is too late.
    """
    announced = held.awaits(fichier, now=deps.clock())
    lieu = lieu_of(held.uai)
    policy.require_deposit(await confirmed(), lieu, now=deps.clock())
    calendrier = await deps.calendriers.get(held.session)
    require_open(deps, calendrier, held.academie)
    try:
        stored = await deps.files.write(content, limit=announced.taille)
    except TooLong as error:
        raise _unexpected(announced) from error
    try:
        _verify(announced, stored)
        policy.require_deposit(await confirmed(), lieu, now=deps.clock())
        en_retard = require_open(deps, calendrier, held.academie) is EtatFenetre.EN_RETARD
        gele = is_frozen(deps, calendrier, held.academie)
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
        NotFound, DepotInvalide, AcademieNonOuverte, SessionInconnue: as `announce`.
        Unavailable: the calendar is not known yet.
    """
    annonces = [Annonce(nom=n, taille=len(c), sha256=sha256(c).hexdigest()) for n, c in fichiers.items()]
    opened = open_deposit(deps, lieu_of(uai), session=session, compte=_OPERATEUR, fichiers=annonces)
    calendrier = await find_calendar(deps, session)
    last, _ = await list_imports(deps.database, session=session, uai=opened.uai, first=1, after=None)
    if last and last[0].etat is EtatImport.TERMINE and _prints(last[0]) == _prints(opened):
        return None
    gele = is_frozen(deps, calendrier, opened.academie)
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


def _verify(announced: Fichier, stored: StoredFile) -> None:
    if (stored.size, stored.sha256) != (announced.taille, announced.sha256):
        raise _unexpected(announced)


def _unexpected(announced: Fichier) -> ContenuInattendu:
    return ContenuInattendu(
        f"Le fichier « {announced.nom} » n'est pas arrivé tel qu'il a été annoncé (taille ou empreinte) : renvoyez-le.",
        champ="fichier",
    )
