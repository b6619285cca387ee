"""The whole of what identity keeps, and its transactions."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial

from kit.mongo import Database, Transaction, Transactor
from kit.mongo.aggregates import Aggregates
from kit.mongo.migrations import Layout, Migration
from kit.mongo.restoring import finish_restoration
from kit.outbox import rows
from kit.outbox.events import Event
from kit.vault.keys import KEYS, SealedKey, forget_keys, insert_key
from kit.vault.sealing import Vault
from kit.versions import Version
from services.identity.domain.facteurs import Facteur
from services.identity.store import effacement, envois
from services.identity.store.administrateurs import ADMINISTRATEURS, Administrateurs
from services.identity.store.appareils import APPAREILS, Appareils
from services.identity.store.audit import ADRESSES, AUDIT, SCEAUX, Journal
from services.identity.store.cles_d_acces import CLES, Cles
from services.identity.store.comptes import COMPTE, COMPTES, TOPICS, set_sort_keys, tell_lives
from services.identity.store.connexions import CONNEXIONS, ConnexionsEnCours
from services.identity.store.courriels import COURRIELS, Courriels
from services.identity.store.deconnexions import DECONNEXIONS
from services.identity.store.demandes import DEMANDES, Demandes
from services.identity.store.depots import DEPOTS, LIGNES, Depots
from services.identity.store.epreuves import EPREUVES, EpreuvesEnCours
from services.identity.store.etablissements import ETABLISSEMENTS
from services.identity.store.exports import EXPORTS, Exports
from services.identity.store.facteurs import FACTEURS, FacteursStore
from services.identity.store.identites import DEMANDES_EMPLOYEUR, IDENTITES, Identites
from services.identity.store.jetons import CODES, JETONS, Codes, Jetons
from services.identity.store.liens import LIENS, Liens
from services.identity.store.preuves_vues import PREUVES_VUES
from services.identity.store.secours import SECOURS, Secours
from services.identity.store.sessions import FAMILLES, SESSIONS, Familles, Sessions
from services.identity.store.tentatives import TENTATIVES
from socle.projections import calendrier

LAYOUT = Layout(
    collections=(
        rows.OUTBOX,
        COMPTES,
        COURRIELS,
        FACTEURS,
        LIENS,
        CONNEXIONS,
        SESSIONS,
        FAMILLES,
        CODES,
        JETONS,
        DEMANDES,
        DECONNEXIONS,
        PREUVES_VUES,
        SECOURS,
        EPREUVES,
        CLES,
        APPAREILS,
        IDENTITES,
        DEMANDES_EMPLOYEUR,
        TENTATIVES,
        AUDIT,
        SCEAUX,
        ADRESSES,
        KEYS,
        envois.ENVOIS,
        ETABLISSEMENTS,
        *calendrier.COLLECTIONS,
        EXPORTS,
        ADMINISTRATEURS,
        DEPOTS,
        LIGNES,
    ),
    migrations=(
        Migration(1, "the life of accounts has a topic of its own: all are told in it", tell_lives),
        Migration(2, "lists of accounts are sorted by a key that is kept", set_sort_keys),
    ),
)


class Work:
    """The stores of one transaction."""

    def __init__(self, transaction: Transaction, generation: int) -> None:
        self._transaction = transaction
        self.comptes = Aggregates(transaction, COMPTE, generation)
        self.administrateurs = Administrateurs(transaction)
        self.courriels = Courriels(transaction)
        self.facteurs = FacteursStore(transaction)
        self.liens = Liens(transaction)
        self.connexions = ConnexionsEnCours(transaction)
        self.sessions = Sessions(transaction)
        self.familles = Familles(transaction, generation)
        self.demandes = Demandes(transaction)
        self.codes = Codes(transaction)
        self.jetons = Jetons(transaction)
        self.secours = Secours(transaction)
        self.exports = Exports(transaction)
        self.depots = Depots(transaction)
        self.cles = Cles(transaction)
        self.epreuves = EpreuvesEnCours(transaction)
        self.appareils = Appareils(transaction)
        self.identites = Identites(transaction)
        self.audit = Journal(transaction, generation)

    async def sign_out(self, compte: str, *, now: datetime, sauf: str | None = None) -> None:
        """End every session of an account but `sauf`, and all that they gave, and tell every service.

        None of its devices is known any more.
        """
        await self.appareils.forget_all_of(compte, now=now)
        await self.sessions.end_all_of(compte, now=now, sauf=sauf)
        await self.familles.end_all_of(compte, now=now, sauf=sauf)

    async def enrolled(self, compte: str) -> frozenset[Facteur]:
        """The means that the account enrolled."""
        held = {Facteur.TOTP: await self.facteurs.has_totp(compte), Facteur.CLE: await self.cles.count(compte) > 0}
        return frozenset(moyen for moyen, has in held.items() if has)

    async def forget_factors(self, compte: str, *, now: datetime) -> None:
        """Forget all that an account is proved by beside its password and its mailbox, and end its sign-ins."""
        await self.facteurs.reset(compte)
        await self.cles.remove_all_of(compte)
        await self.identites.unlink_all_of(compte)
        await self.secours.void([compte], le=now)
        await self.connexions.end_all_of(compte, now=now)

    async def forget(self, compte: str, empreintes: Collection[str]) -> None:
        """Forget all that is kept of an account beside itself and the audit trail, its messages excepted."""
        await effacement.forget(self._transaction, LAYOUT.collections, compte, empreintes)

    async def waiting(self) -> list[envois.Envoi]:
        """The messages that wait."""
        return await envois.waiting(self._transaction)

    async def drop(self, ids: list[str]) -> None:
        """Let these messages not be sent, if this transaction commits."""
        await envois.drop(self._transaction, ids)

    async def tell_gone(self, comptes: Iterable[str], version: Version) -> None:
        """Tell that these accounts, of which the store knows nothing, are gone; once, while that waits to be sent."""
        events = [Event(topic=topic, key=id, version=version, message=None) for id in comptes for topic in TOPICS]
        waiting = await rows.waiting(self._transaction, events)
        for event in events:
            if event not in waiting:
                self._transaction.publish(event)

    async def finish_restoration(self) -> None:
        """Note that all was done that a restoration asks for."""
        await finish_restoration(self._transaction)

    async def add_key(self, vault: Vault, usage: str, clear: bytes, *, rank: int, forget: Sequence[str]) -> SealedKey:
        """Keep a further key of that use, and forget those that are of none.

        Raises:
            Conflict: another process has just kept one of that rank.
        """
        await forget_keys(self._transaction, forget)
        return await insert_key(self._transaction, vault, usage, clear, rank=rank)

    async def send(self, envoi: envois.Envoi) -> None:
        """Let a message be sent if this transaction commits."""
        await envois.add(self._transaction, envoi)


def transactor(database: Database, *, generation: Callable[[], int], committed: Callable[[], None]) -> Transactor[Work]:
    """Runs bodies over `Work`, and says `committed` when they publish; `generation` is asked at each of them."""
    return Transactor(
        database=database,
        work=lambda transaction: Work(transaction, generation()),
        write_outbox=partial(rows.write, source="identity"),
        committed=committed,
    )
