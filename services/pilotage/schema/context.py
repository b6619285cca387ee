"""What resolvers see of a request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import strawberry
from strawberry.dataloader import DataLoader

from kit.clock import Clock
from kit.mongo import Transactor
from services.pilotage.indicateurs import Resultat
from services.pilotage.store.calendriers import Calendriers, Work
from services.pilotage.store.resultats import Resultats
from socle.principal import Principal


@dataclass(frozen=True, slots=True)
class Stores:
    """What is read outside a transaction."""

    calendriers: Calendriers
    resultats: Resultats


@dataclass(frozen=True, slots=True)
class Context:
    """`writer` gives the caller with rights fresh enough to change something; `resultats` asks the store once for all
    the places of a page.
    """

    principal: Principal | None
    stores: Stores
    transact: Transactor[Work]
    session: int
    campaign_clock: Clock
    writer: Callable[[], Awaitable[Principal | None]]
    resultats: DataLoader[str, Resultat] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "resultats", DataLoader(load_fn=self.stores.resultats.get))


type Info = strawberry.Info[Context, None]
