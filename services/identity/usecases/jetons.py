"""What clients are given: codes, families of tokens, and their end (architecture §6).

Single use is one guarded update of one row; what comes of it is written in the same transaction.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kit.errors import Refusal
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import required_factors
from services.identity.domain.sessions import CodeEmis, Famille, JetonEmis, Preuve, Session
from services.identity.store.comptes import find_compte
from services.identity.store.jetons import can_renew
from services.identity.store.sessions import find_famille, find_session, list_clients
from services.identity.store.work import Work
from services.identity.usecases.audit import note


class DejaUtilise(Refusal):
    """A code or refresh token that was used before, or whose session has ended."""

    code = "DEJA_UTILISE"

    def __init__(self) -> None:
        super().__init__("Cette connexion n'est plus valable : reconnectez-vous.")


@dataclass(frozen=True, slots=True)
class Connecte:
    """A person signed in: its session, and its account as it is now.

    Args:
        navigateur: the secret by which its browser is known, if it has one.
    """

    session: Session
    compte: Compte
    navigateur: str | None = field(default=None, repr=False)


async def find_signed_in(deps: Deps, condensat: str, *, navigateur: str | None = None) -> Connecte | None:
    """Who is signed in with the cookie of that hash, in a browser that is known by `navigateur`; None where its session
    has ended, nobody used it for too long, or its account is disabled.
    """
    session = await find_session(deps.database, condensat)
    if session is None or not session.is_alive(deps.clock()) or await _is_idle(deps, session):
        return None
    compte = await find_compte(deps.database, session.compte)
    return Connecte(session, compte, navigateur) if compte is not None and compte.actif else None


async def _is_idle(deps: Deps, session: Session) -> bool:
    """Whether no client came by it for as long as is allowed, and none that it signed in to can renew its tokens."""
    now = deps.clock()
    if now - session.vue_le < deps.pause_session:
        return False
    return not await can_renew(deps.database, await list_clients(deps.database, session.id), now=now)


def is_enough(deps: Deps, connecte: Connecte, *, max_age: timedelta | None, acr: int = 1) -> bool:
    """Whether the session was opened with the factors that the account's roles ask for now, and recently enough.

    A known device spares some, unless `acr` asks for more than one; then all are asked, and `acr` at least.
    """
    preuve = connecte.session.preuve
    fresh = max_age is None or deps.clock() - preuve.le <= max_age
    full = acr <= 1 or preuve.nombre >= max(acr, _required(deps, connecte.compte))
    return fresh and full and proves_enough(deps, connecte.compte, preuve)


def proves_enough(deps: Deps, compte: Compte, preuve: Preuve) -> bool:
    """Whether as many factors were shown as the account's roles ask for now, or a known device stands for them."""
    return preuve.compte_pour >= _required(deps, compte)


def _required(deps: Deps, compte: Compte) -> int:
    return required_factors(compte.roles, a_trois=deps.a_trois_facteurs)


async def issue_code(deps: Deps, code: CodeEmis, *, demande: str | None) -> None:
    """Give a client a code; where it pushed its request, the code uses it.

    Raises:
        DejaUtilise: the session has ended meanwhile, or the request gave a code before.
    """

    async def body(work: Work) -> None:
        if not await work.sessions.hold(code.session, now=deps.clock()):
            raise DejaUtilise
        if demande is not None and not await work.demandes.use(demande, now=deps.clock()):
            raise DejaUtilise
        await work.codes.issue(code)

    await deps.transact(body)


async def exchange_code(deps: Deps, condensat: str, famille: Famille, jeton: str) -> None:
    """Use a code: open `famille`, whose first refresh token has the hash `jeton`.

    Raises:
        DejaUtilise: the code was used or has expired, or the session has ended.
    """

    async def body(work: Work) -> None:
        now = deps.clock()
        used = await work.codes.use(condensat, famille=famille.id, now=now)
        if not used or not await work.sessions.hold(famille.session, now=now):
            raise DejaUtilise
        await work.familles.open(famille)
        await work.jetons.issue(_jeton(deps, jeton, famille))

    await deps.transact(body)


async def rotate(deps: Deps, condensat: str, famille: Famille, successor: str) -> None:
    """Use a refresh token, and give the next one of its family, whose hash is `successor`.

    Raises:
        DejaUtilise: it was used or has expired, or the family has ended.
    """

    async def body(work: Work) -> None:
        now = deps.clock()
        used = await work.jetons.use(condensat, now=now)
        if not used or not await work.familles.hold(famille.id, now=now):
            raise DejaUtilise
        await work.jetons.issue(_jeton(deps, successor, famille))

    await deps.transact(body)


def _jeton(deps: Deps, condensat: str, famille: Famille) -> JetonEmis:
    """A refresh token, which serves no longer than its family lives, nor once the client was idle for too long."""
    idle = deps.clock() + deps.pause_session
    return JetonEmis(condensat=condensat, famille=famille.id, expire_le=min(famille.expire_le, idle))


async def end_famille(deps: Deps, id: str, acte: Acte) -> None:
    """End a family of tokens, and tell every service; one that has ended already is told once only.

    `acte` says why: its owner signs out of a client, or somebody used a token of it twice.
    """
    if (famille := await find_famille(deps.database, id)) is None or famille.fin_le is not None:
        return
    compte = await find_compte(deps.database, famille.compte)
    whose = Partie(id=famille.compte) if compte is None else Partie.of(compte)

    async def body(work: Work) -> None:
        if not await work.familles.end(id, now=deps.clock()):
            return
        detail = {"client": famille.client}
        await note(deps, work, acte, par=None if acte is Acte.JETON_REUTILISE else whose, cible=whose, detail=detail)

    await deps.transact(body)


async def end_session(deps: Deps, connecte: Connecte) -> None:
    """Sign a person out of a browser: of every client it was signed in to from there."""
    session = connecte.session

    async def body(work: Work) -> None:
        now: datetime = deps.clock()
        await work.sessions.end(session.id, now=now)
        await work.familles.end_all_of_session(session.id, now=now)
        await note(deps, work, Acte.DECONNEXION, par=Partie.of(connecte.compte))

    await deps.transact(body)
