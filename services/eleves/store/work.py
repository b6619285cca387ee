"""The whole of what `eleves` keeps, and its transactions."""

from collections.abc import Callable
from functools import partial

from kit.mongo import Database, Transaction, Transactor
from kit.mongo.migrations import Layout
from kit.outbox import rows
from kit.vault.keys import KEYS
from services.eleves.store.courriels import COURRIELS, Courriels
from services.eleves.store.dossiers import DOSSIERS, Dossiers
from services.eleves.store.eleves import ELEVES, Eleves
from services.eleves.store.formations import FORMATIONS
from services.eleves.store.imports import ENVOIS, IMPORTS, Imports
from socle.projections import calendrier, habilitations

LAYOUT = Layout(
    collections=(
        rows.OUTBOX,
        ELEVES,
        COURRIELS,
        DOSSIERS,
        FORMATIONS,
        IMPORTS,
        *ENVOIS,
        KEYS,
        *habilitations.COLLECTIONS,
        *calendrier.COLLECTIONS,
    )
)


class Work:
    """The stores of one transaction."""

    def __init__(self, transaction: Transaction, generation: int) -> None:
        self.eleves = Eleves(transaction, generation)
        self.imports = Imports(transaction, generation)
        self.dossiers = Dossiers(transaction, generation)
        self.courriels = Courriels(transaction)


def transactor(
    database: Database, *, generation: int, committed: Callable[[], None] = lambda: None
) -> Transactor[Work]:
    """Runs bodies over `Work`, and says `committed` when they publish; without it the relay's next sweep sends."""
    return Transactor(
        database=database,
        work=lambda transaction: Work(transaction, generation),
        write_outbox=partial(rows.write, source="eleves"),
        committed=committed,
    )
