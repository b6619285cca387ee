"""How long what is taken away is still given: a right, an account, a session, on the whole platform as it runs.

From the moment at which it is acknowledged until the last door refuses and does so ever after: the services one by one,
and the gateway. Each is asked again and again, by several people at once.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from infra.local.demonstration import MOT_DE_PASSE
from infra.local.jeton import find_personne
from infra.local.platform import Platform, read_settings
from infra.local.processes import free_ports
from kit.http import open_client
from kit.mongo import open_database
from kit.testing.waiting import eventually
from services.identity.deps import make_deps
from services.identity.domain.comptes import Compte
from services.identity.settings import IdentitySettings
from services.identity.usecases.chargement import CompteDeDemonstration, load_accounts
from services.identity.usecases.comptes import NouveauCompte, find_by_address
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique
from tests.bench.courses.piste import CLIENT, Piste
from tests.bench.measures import Bar, percentile
from tests.bench.served_identity import Served
from tests.e2e.demandes import UAI
from tests.e2e.droits import DEMANDES
from tests.e2e.refus import codes
from tests.e2e.running import PORTS

_AT_ONCE = 6
_EVERY_SECONDS = 0.1
_STILL_SECONDS = 2.0
"""How long a door that refuses is asked on: one that gave again what it had refused did not refuse yet."""
_BAR_SECONDS = 5.0
_RUBRIQUES = ("ELEVES", "PILOTAGE", "RAPPORTS")
_RETIRER = "mutation($e: RetirerDroitInput!) { retirerDroit(entree: $e) { refus { code } } }"
_DESACTIVER = "mutation($compte: ID!) { desactiverCompte(compte: $compte) { refus { code } } }"


@dataclass(frozen=True, slots=True)
class Signe:
    """Someone signed in, who holds the rights that the questions ask for."""

    compte: Compte
    access_token: str
    refresh_token: str


@dataclass(slots=True)
class Plateforme:
    """The platform as it runs, an administrator of its lycée, and people to take something from."""

    platform: Platform
    piste: Piste
    http: httpx.AsyncClient
    _administrateur: Signe | None = None
    _people: list[Compte] = field(default_factory=list)

    async def ask(self, door: str, token: str, query: str, **variables: Any) -> Any:
        """The answer of the gateway, or of that service itself."""
        settings = self.platform.settings
        url = settings.gateway_url if door == "gateway" else f"http://127.0.0.1:{settings.services[door]}/graphql"
        headers = {"authorization": f"Bearer {token}"}
        return (await self.http.post(url, json={"query": query, "variables": variables}, headers=headers)).json()

    async def sign_in(self, compte: Compte) -> Signe:
        """Sign in, but for the pages; on return no door refuses."""
        value, _ = await self.piste.refresh_token(compte)
        _, asked = self.piste.refresh(value)
        answer = (await self.http.post(f"{self._identity}/token", data=asked)).raise_for_status().json()
        return Signe(compte, answer["access_token"], answer["refresh_token"])

    async def someone(self) -> Signe:
        """Somebody new, whom every door answers."""
        signe = await self.sign_in(self._people.pop())

        async def known() -> bool:
            return not any([codes(await asked()) for asked in self.questions(signe)])

        await eventually(known, within=60, every=_EVERY_SECONDS)
        return signe

    async def enrol(self, count: int) -> None:
        """Make so many people more, with a right in each rubric."""
        droits = [Droit(uai=UAI, rubrique=Rubrique(name), niveau=Niveau.LECTURE) for name in _RUBRIQUES]
        described = [
            CompteDeDemonstration(
                identite=NouveauCompte(
                    courriel=f"alix.{_letters(n)}@demonstration.example.org",
                    nom="Lenoir",
                    prenom="Alix",
                    roles=[RoleTenu(role=Role.GESTIONNAIRE, uai=UAI)],
                    droits=droits,
                ),
                mot_de_passe=MOT_DE_PASSE,
                totp=None,
            )
            for n in range(count)
        ]
        deps = self.piste.served.deps
        await load_accounts(deps, described)
        self._people = [await find_by_address(deps, one.identite.courriel) for one in described]

    async def administer(self, query: str, **variables: Any) -> None:
        """What the administrator does, who has just proved who it is; on return it is acknowledged."""
        if self._administrateur is None:
            personne = find_personne(self.platform.settings.demonstration, "administrateur")
            compte = await find_by_address(self.piste.served.deps, personne.courriel)
            self._administrateur = await self.sign_in(compte)
        answer = await self.ask("gateway", self._administrateur.access_token, query, **variables)
        assert "errors" not in answer, answer
        assert [done["refus"] for done in answer["data"].values()] == [[]], answer

    async def again(self) -> None:
        """Let the administrator prove itself anew before its next act."""
        self._administrateur = None

    def questions(self, signe: Signe, rubriques: Sequence[str] = _RUBRIQUES) -> list[Callable[[], Awaitable[Any]]]:
        """What only who holds a right of these rubrics is answered, by its service and by the gateway."""

        def question(door: str, rubrique: str) -> Callable[[], Awaitable[Any]]:
            return lambda: self.ask(door, signe.access_token, DEMANDES[rubrique].query, uai=UAI)

        return [question(door, name) for name in rubriques for door in (DEMANDES[name].service, "gateway")]

    async def revoke(self, signe: Signe) -> None:
        """End the session, as a client that signs out; on return it is acknowledged."""
        asked = {"token": signe.refresh_token, "client_id": CLIENT}
        (await self.http.post(f"{self._identity}/revoke", data=asked)).raise_for_status()

    @property
    def _identity(self) -> str:
        return self.platform.settings.identity_url


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:04d}")


type Retrait = Callable[[Plateforme, Signe, int], Awaitable[Sequence[Callable[[], Awaitable[Any]]]]]
"""Takes something from someone, the so many-th, and says which questions are not answered any more."""


async def _right(plateforme: Plateforme, signe: Signe, number: int) -> Sequence[Callable[[], Awaitable[Any]]]:
    rubrique = _RUBRIQUES[number % len(_RUBRIQUES)]
    entree = {"compte": signe.compte.id, "uai": UAI, "rubrique": rubrique}
    await plateforme.administer(_RETIRER, e=entree)
    return plateforme.questions(signe, [rubrique])


async def _account(plateforme: Plateforme, signe: Signe, _number: int) -> Sequence[Callable[[], Awaitable[Any]]]:
    await plateforme.administer(_DESACTIVER, compte=signe.compte.id)
    return plateforme.questions(signe)


async def _session(plateforme: Plateforme, signe: Signe, _number: int) -> Sequence[Callable[[], Awaitable[Any]]]:
    await plateforme.revoke(signe)
    return plateforme.questions(signe)


RETRAITS: dict[str, Retrait] = {
    "a right taken away": _right,
    "an account disabled": _account,
    "a session ended": _session,
}


async def withdraw(plateforme: Plateforme, retrait: Retrait, *, times: int) -> list[float]:
    """Seconds from the acknowledgement until every door refuses for good, of so many people."""
    seconds: list[float] = []
    for begin in range(0, times, _AT_ONCE):
        await plateforme.again()
        numbers = range(begin, min(times, begin + _AT_ONCE))
        seconds += await asyncio.gather(*(_withdraw_one(plateforme, retrait, number) for number in numbers))
    return seconds


async def _withdraw_one(plateforme: Plateforme, retrait: Retrait, number: int) -> float:
    signe = await plateforme.someone()
    questions = await retrait(plateforme, signe, number)
    acknowledged = time.perf_counter()
    return max(await asyncio.gather(*(_refused_for_good(asked, acknowledged) for asked in questions)))


async def _refused_for_good(asked: Callable[[], Awaitable[Any]], since: float) -> float:
    """Seconds until the first refusal of those that none but refusals followed."""
    first: float | None = None
    while first is None or time.perf_counter() - first < _STILL_SECONDS:
        refused, now = codes(await asked()), time.perf_counter()
        # That it cannot be told now is no refusal.
        assert set(refused) <= {"NON_AUTORISE", "NON_AUTHENTIFIE"}, refused
        assert refused or now - since < 10 * _BAR_SECONDS, "it is not refused at all"
        first = (first or now) if refused else None
        await asyncio.sleep(_EVERY_SECONDS)
    return first - since


@asynccontextmanager
async def open_plateforme(folder: Path, *, people: int) -> AsyncIterator[Plateforme]:
    """The whole platform, and so many people of its lycée."""
    ports = {name: str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    platform = Platform(read_settings({**ports, "DOSSIER_PLATEFORME": str(folder)}))
    try:
        await platform.start()
        given = {name.lower(): value for name, value in platform.settings.environment().items()}
        settings = IdentitySettings.model_validate(given)
        database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}identity")
        deps = make_deps(settings, database, settings.open_vault())
        await deps.trousseau.load()
        async with open_client(timeout=30) as http:
            plateforme = Plateforme(platform, Piste(Served((), settings, deps, courriels="")), http)
            await plateforme.enrol(people)
            yield plateforme
        deps.hasher.close()
        database.client.close()
    finally:
        platform.stop()


async def measure(folder: Path, *, people: int = 501) -> AsyncIterator[Bar]:
    """Seconds until what was taken away is refused by every door, p99 of each kind."""
    times = people // len(RETRAITS)
    async with open_plateforme(folder / f"retraits-{os.getpid()}", people=times * len(RETRAITS)) as plateforme:
        for what, retrait in RETRAITS.items():
            seconds = await withdraw(plateforme, retrait, times=times)
            yield Bar(
                what=f"{what}, until every door refuses it, p99 of {times}",
                values=[percentile(seconds, 0.99)],
                unit=" s",
                bar=_BAR_SECONDS,
                yardstick=f"none: p50 {percentile(seconds, 0.5):.2f} s, the slowest {max(seconds):.2f} s",
            )
