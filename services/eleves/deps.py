"""What use cases work with: made in the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from kit.clock import Clock, technical_clock
from kit.mongo import Database, Transactor
from kit.mongo.files import Files
from kit.vault.keys import Fingerprints
from services.eleves.settings import ElevesSettings
from services.eleves.store.imports import open_files
from services.eleves.store.work import Work
from socle.projections.calendrier import Calendriers


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The store, the calendar, the keys and the clocks of `eleves`.

    Args:
        academies: slugs of those that are open.
        files_received: called when an import may begin.
        campaign_clock: decides windows; what is dated is by `clock`.
    """

    database: Database
    transact: Transactor[Work]
    files: Files
    calendriers: Calendriers
    fingerprints: Fingerprints
    academies: frozenset[str]
    campaign_clock: Clock
    files_received: Callable[[], None] = lambda: None
    clock: Clock = technical_clock


def make_deps(
    settings: ElevesSettings,
    database: Database,
    transact: Transactor[Work],
    fingerprints: Fingerprints,
    campaign_clock: Clock,
    *,
    files_received: Callable[[], None] = lambda: None,
) -> Deps:
    """Over `database`; without `files_received`, an import begins at the loop's next sweep."""
    return Deps(
        database=database,
        transact=transact,
        files=open_files(database),
        calendriers=Calendriers(database),
        fingerprints=fingerprints,
        academies=frozenset(settings.academies_topics),
        campaign_clock=campaign_clock,
        files_received=files_received,
    )
