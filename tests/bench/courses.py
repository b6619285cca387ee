"""Races over two instances of `identity` on one store: what serves once, used ten times at the same moment.

Each round prepares what is raced for by the use cases, so that no time goes into signing in; the ten attempts go over
HTTP, five to each process. What is counted is what a client was told, and what it can do with it afterwards.
"""

import asyncio
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pyotp
from ulid import ULID

from infra.local.processes import free_ports, start_all, stop_all
from infra.local.stack import LOCAL, Ports, kafka, mongodb
from kit.consumer.messages import Received
from kit.consumer.projections import upsert
from kit.http import open_client
from kit.logs import configure_logs
from kit.mongo.migrations import generation
from kit.versions import Version
from proto.offre.v1 import offre_pb2
from services.identity.condensats import condensat, new_secret
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.comptes import Compte
from services.identity.domain.liens import Usage
from services.identity.domain.sessions import Famille, JetonEmis, Preuve, Session
from services.identity.store.comptes import COMPTES
from services.identity.store.etablissements import ETABLISSEMENTS, etablissement_document
from services.identity.store.work import Work
from services.identity.usecases import restauration
from services.identity.usecases.comptes import NouveauCompte, create_compte, find_by_address, issue_link, load
from services.identity.usecases.connexion import begin_activated
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.secours import renew_codes
from socle.identifiants import uai_letter
from socle.principal import RoleTenu
from socle.rubriques import Role
from tests.bench.processus import Instance
from tests.bench.served_identity import Served, serve_identity

AT_ONCE = 10
_ROUNDS = 1_000
_CLIENT = "ligne-de-commande"
_HOUR = timedelta(hours=1)
_ACADEMIE = "creteil"
_ROUNDS_OF_A_PAIR = 20
_ANSWER_SECONDS = 0.2
_CHOSEN = "neuf bateaux jaunes sous la pluie"
_ROLE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
_RETIRER = "mutation($e: RetirerRoleInput!) { retirerRole(entree: $e) { compte { id } refus { code } } }"

type Attempt = Callable[[httpx.AsyncClient], Awaitable[bool]]
"""One try, by a client of its own; whether it was told that it succeeded."""


@dataclass(frozen=True, slots=True)
class Depart:
    """A round about to start.

    Args:
        attempts: made at the same moment.
        again: one more, made afterwards where one has succeeded: what was acknowledged is there, whoever died since.
        beyond: how many more succeeded than may, once all are over, `told` of them having been told so.
    """

    attempts: Sequence[Attempt]
    beyond: Callable[[int], Awaitable[int]]
    again: Attempt | None = None


@dataclass(slots=True)
class Resultat:
    """What became of the rounds of a race."""

    rounds: int = 0
    attempts: int = 0
    told: int = 0
    lost: int = 0
    without: int = 0
    beyond: int = 0

    def __str__(self) -> str:
        return (
            f"{self.rounds:,} rounds, {self.attempts:,} attempts, {self.told:,} successes, {self.without:,} rounds "
            f"without any, {self.lost:,} attempts without an answer; successes beyond: {self.beyond}"
        )


@dataclass(frozen=True, slots=True)
class Course:
    """A race, by its name, and how a round of it is prepared."""

    nom: str
    prepare: Callable[["Piste"], Awaitable[Depart]]


@dataclass(slots=True)
class Piste:
    """Where races are run: two processes, and what is needed to prepare a round."""

    served: Served
    _people: list[Compte] = field(default_factory=list)
    _secrets: dict[str, str] = field(default_factory=dict)
    _uai: int = 0
    _pair: list[str] = field(default_factory=list)
    _token: str = ""

    async def someone(self) -> tuple[Compte, str]:
        """An active account that nobody else has, and the secret of its application."""
        if not self._people:
            for personne in await self.served.people(100):
                compte = await find_by_address(self.served.deps, personne.courriel)
                self._people.append(compte)
                self._secrets[compte.id] = personne.totp or ""
        compte = self._people.pop()
        return compte, self._secrets[compte.id]

    async def sign_in_directly(self, compte: Compte) -> Connecte:
        """A session opened a moment ago with every factor."""
        now = self.served.deps.clock()
        preuve = Preuve(acr="3", amr=("pwd", "otp", "email"), le=now)
        session = Session(id=str(ULID()), compte=compte.id, preuve=preuve, expire_le=now + _HOUR, vue_le=now)

        async def body(work: Work) -> None:
            await work.sessions.open(session, condensat=condensat(new_secret()))

        await self.served.deps.transact(body)
        return Connecte(session, compte)

    async def refresh_token(self, compte: Compte) -> tuple[str, str]:
        """A refresh token of the command line, and its family."""
        connecte, now, value = await self.sign_in_directly(compte), self.served.deps.clock(), new_secret()
        famille = Famille(
            id=str(ULID()),
            session=connecte.session.id,
            compte=compte.id,
            client=_CLIENT,
            scope="openid",
            preuve=connecte.session.preuve,
            expire_le=now + _HOUR,
        )
        jeton = JetonEmis(condensat=condensat(value), famille=famille.id, expire_le=now + _HOUR)

        async def body(work: Work) -> None:
            await work.familles.open(famille)
            await work.jetons.issue(jeton)

        await self.served.deps.transact(body)
        return value, famille.id

    async def new_establishment(self) -> str:
        """An establishment of its own, which no other round has."""
        self._uai += 1
        digits = f"{self._uai:07d}"
        uai = digits + uai_letter(digits)
        message = offre_pb2.Etablissement(uai=uai, academie=_ACADEMIE)
        row = (Received(uai, Version(1, 1), message), etablissement_document(message))
        await upsert(self.served.deps.database, ETABLISSEMENTS.name, [row])
        return uai

    async def administrators(self, uai: str) -> Sequence[Compte]:
        """Two accounts that administer it; they serve in some rounds, for what one stays in is kept."""
        if self._uai % _ROUNDS_OF_A_PAIR == 1:
            self._pair = [(await self.someone())[0].id for _ in range(2)]
        role = RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)
        return [await self._give_role(id, role) for id in self._pair]

    async def academy_token(self) -> str:
        """The token of an administrator of the académie, who has just signed in."""
        if self._uai % _ROUNDS_OF_A_PAIR == 1:
            role = RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie=_ACADEMIE)
            academic = await self._give_role((await self.someone())[0].id, role)
            value, _ = await self.refresh_token(academic)
            asked = {"grant_type": "refresh_token", "refresh_token": value, "client_id": _CLIENT}
            async with open_client(base_url=self.served.urls[0], timeout=60) as http:
                self._token = (await http.post("/token", data=asked)).raise_for_status().json()["access_token"]
        return self._token

    async def _give_role(self, id: str, role: RoleTenu) -> Compte:
        async def body(work: Work) -> Compte:
            return await work.comptes.save((await load(work, id)).give_role(role))

        return await self.served.deps.transact(body)

    def form(self, secret: str) -> tuple[dict[str, str], dict[str, str]]:
        """The cookie of a page, and the proof in its form."""
        proof = self.served.deps.trousseau.empreinte("formulaire", secret)
        return {"cookie": f"connexion={secret}", "origin": self.served.settings.identity_url}, {"preuve": proof}


async def run(piste: Piste, course: Course, *, rounds: int, kill_every: int | None = None) -> Resultat:
    """Run so many rounds of a race; in one of `kill_every`, the second process is killed while it answers.

    An attempt whose process dies has no answer, and is counted as such.
    """
    result, mortal = Resultat(), piste.served.instances[-1]
    for number in range(1, rounds + 1):
        depart = await course.prepare(piste)
        kills = kill_every is not None and number % kill_every == 0
        async with _clients(piste.served.urls) as clients:
            killing = asyncio.create_task(_kill_soon(mortal)) if kills else None
            await _round(depart, clients, result)
        if killing is not None:
            await killing
            await mortal.start()
    return result


async def _kill_soon(instance: Instance) -> None:
    """At any moment of its answer, which takes some tens of milliseconds."""
    await asyncio.sleep(random.uniform(0, _ANSWER_SECONDS))
    await instance.kill()


async def run_after_restoration(piste: Piste, course: Course, *, rounds: int) -> Resultat:
    """Prepare so many rounds, restore the store, then run them: nothing from before is worth anything."""
    result, served = Resultat(), piste.served
    departs = [await course.prepare(piste) for _ in range(rounds)]
    for instance in served.instances:
        await instance.stop()
    await restauration.begin(served.deps, generation_publiee=await generation(served.deps.database))
    await restauration.finish(served.deps, {})
    for instance in served.instances:
        await instance.start()
    async with _clients(served.urls) as clients:
        for depart in departs:
            await _round(depart, clients, result)
    result.beyond = result.told
    return result


async def _round(depart: Depart, clients: Sequence[httpx.AsyncClient], result: Resultat) -> None:
    answers = await asyncio.gather(
        *(attempt(clients[n % len(clients)]) for n, attempt in enumerate(depart.attempts)), return_exceptions=True
    )
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, httpx.TransportError):
            raise answer
    told = sum(answer is True for answer in answers)
    result.rounds += 1
    result.attempts += len(answers)
    result.told += told
    result.without += told == 0
    result.lost += sum(isinstance(answer, BaseException) for answer in answers)
    result.beyond += await depart.beyond(told)
    if told and depart.again is not None:
        result.beyond += await depart.again(clients[0])


@asynccontextmanager
async def _clients(urls: Sequence[str]) -> AsyncIterator[list[httpx.AsyncClient]]:
    clients = [open_client(base_url=url, timeout=60) for url in urls]
    try:
        yield clients
    finally:
        for client in clients:
            await client.aclose()


async def _at_most_one(told: int) -> int:
    return max(0, told - 1)


# --- what serves once


async def _refresh(piste: Piste) -> Depart:
    value, _ = await piste.refresh_token((await piste.someone())[0])
    asked = {"grant_type": "refresh_token", "refresh_token": value, "client_id": _CLIENT}

    async def attempt(http: httpx.AsyncClient) -> bool:
        answer = await http.post("/token", data=asked)
        assert answer.status_code in {200, 400, 503}, answer.text
        return answer.status_code == 200

    return Depart([attempt] * AT_ONCE, _at_most_one, again=attempt)


async def _shown(piste: Piste, compte: Compte, moyen: str, code: str) -> Depart:
    """A second factor, in as many sign-ins as there are attempts."""
    attempts = []
    for _ in range(AT_ONCE + 1):
        secret = await begin_activated(piste.served.deps, compte)
        headers, fields = piste.form(secret)
        attempts.append(_sends("/connexion/code", fields | {"moyen": moyen, "code": code}, headers))
    return Depart(attempts[1:], _at_most_one, again=attempts[0])


def _sends(path: str, fields: dict[str, str], headers: dict[str, str]) -> Attempt:
    async def attempt(http: httpx.AsyncClient) -> bool:
        answer = await http.post(path, data=fields, headers=headers)
        # Who is in the way of too many others is told to try again.
        assert answer.status_code in {200, 303, 404, 422, 503}, (answer.status_code, answer.text)
        return answer.status_code in {200, 303}

    return attempt


async def _totp(piste: Piste) -> Depart:
    compte, secret = await piste.someone()
    return await _shown(piste, compte, "totp", pyotp.TOTP(secret).now())


async def _recovery(piste: Piste) -> Depart:
    compte, _ = await piste.someone()
    codes = await renew_codes(piste.served.deps, await piste.sign_in_directly(compte))
    return await _shown(piste, compte, "secours", codes[0])


async def _link(piste: Piste, path: str, lien: str) -> Depart:
    headers, fields = piste.form(new_secret())
    attempt = _sends(path, fields | {"lien": lien, "mot_de_passe": _CHOSEN, "confirmation": _CHOSEN}, headers)
    return Depart([attempt] * AT_ONCE, _at_most_one, again=attempt)


async def _reset(piste: Piste) -> Depart:
    (compte, _), lien, deps = await piste.someone(), new_secret(), piste.served.deps

    async def body(work: Work) -> None:
        await work.liens.issue(condensat(lien), Usage.MOT_DE_PASSE, compte.id, now=deps.clock())

    await deps.transact(body)
    return await _link(piste, "/mot-de-passe", lien)


async def _invitation(piste: Piste) -> Depart:
    unique = "".join(chr(ord("a") + int(digit, 16)) for digit in f"{int(ULID()):x}")
    nouveau = NouveauCompte(courriel=f"lou.{unique}@ac-creteil.fr", nom="Vidal", prenom="Lou", roles=[_ROLE])
    compte = await create_compte(piste.served.deps, nouveau, par=OPERATEUR)
    return await _link(piste, "/activation", await issue_link(piste.served.deps, compte))


# --- what ends


async def _refresh_against_revoke(piste: Piste) -> Depart:
    """Whatever was given before the end, or while it came, is worth nothing after it."""
    value, _ = await piste.refresh_token((await piste.someone())[0])
    given: list[str] = []

    async def renew(http: httpx.AsyncClient) -> bool:
        asked = {"grant_type": "refresh_token", "refresh_token": value, "client_id": _CLIENT}
        answer = await http.post("/token", data=asked)
        if answer.status_code == 200:
            given.append(answer.json()["refresh_token"])
        return answer.status_code == 200

    async def revoke(http: httpx.AsyncClient) -> bool:
        answer = await http.post("/revoke", data={"token": value, "client_id": _CLIENT})
        assert answer.status_code in {200, 503}, answer.text
        return False

    async def beyond(told: int) -> int:
        alive = 0
        async with open_client(base_url=piste.served.urls[0], timeout=60) as http:
            for successor in given:
                asked = {"grant_type": "refresh_token", "refresh_token": successor, "client_id": _CLIENT}
                alive += (await http.post("/token", data=asked)).status_code == 200
        return max(0, told - 1) + alive

    return Depart([renew, renew, revoke, revoke] * (AT_ONCE // 4) + [renew, revoke], beyond)


async def _last_administrator(piste: Piste) -> Depart:
    """Two administrators of a new establishment, each removed by five at the same moment: one stays."""
    uai, token = await piste.new_establishment(), await piste.academy_token()
    administrators = [held.id for held in await piste.administrators(uai)]
    headers = {"authorization": f"Bearer {token}"}

    def remove(compte: str) -> Attempt:
        asked = {"compte": compte, "role": {"role": Role.ADMIN_ETABLISSEMENT, "uai": uai}}

        async def attempt(http: httpx.AsyncClient) -> bool:
            query = {"query": _RETIRER, "variables": {"e": asked}}
            answer = (await http.post("/graphql", json=query, headers=headers)).json()
            if answer.get("errors"):
                # Who is in the way of too many others is told to try again.
                assert answer["errors"][0]["extensions"]["code"] == "INDISPONIBLE", answer
                return False
            refused = [one["code"] for one in answer["data"]["retirerRole"]["refus"]]
            assert refused in ([], ["DERNIER_ADMINISTRATEUR"]), answer
            return refused == []

        return attempt

    async def beyond(_told: int) -> int:
        administers = {"$elemMatch": {"role": Role.ADMIN_ETABLISSEMENT, "uai": uai}}
        left = await piste.served.deps.database[COMPTES.name].count_documents({"roles": administers})
        return 1 if left == 0 else 0

    return Depart([remove(compte) for compte in administrators * (AT_ONCE // 2)], beyond)


SERVENT_UNE_FOIS = (
    Course("one refresh token", _refresh),
    Course("one code of an application", _totp),
    Course("one recovery code", _recovery),
    Course("one link of a forgotten password", _reset),
    Course("one invitation", _invitation),
)
COURSES = (
    *SERVENT_UNE_FOIS,
    Course("refresh against revoke", _refresh_against_revoke),
    Course("the last administrator removed twice", _last_administrator),
)


def main() -> None:
    """Run every race a thousand times, with and without deaths, then after a restoration; the status says whether
    anything succeeded beyond the one.
    """
    configure_logs("bench", level="ERROR")
    with tempfile.TemporaryDirectory(dir=LOCAL) as folder:
        if not asyncio.run(_run_all(Path(folder))):
            raise SystemExit(1)


async def _run_all(folder: Path) -> bool:
    mongodb_port, kafka_port, controller_port = free_ports(3)
    ports = Ports(mongodb=mongodb_port, kafka=kafka_port, kafka_controller=controller_port)
    running = await start_all([mongodb(ports, folder), kafka(ports, folder)], folder)
    held = True
    try:
        async with serve_identity(
            ports.mongodb_uri, ports.kafka_bootstrap_servers, folder, instances=2, cheap_hash=True
        ) as served:
            piste = Piste(served)
            for what, races, ran in (
                ("", COURSES, partial(run, rounds=_ROUNDS)),
                (", a process killed meanwhile", COURSES, partial(run, rounds=_ROUNDS // 10, kill_every=5)),
                (", after a restoration", SERVENT_UNE_FOIS, partial(run_after_restoration, rounds=_ROUNDS // 10)),
            ):
                for course in races:
                    result = await ran(piste, course)
                    sys.stdout.write(f"- {course.nom}{what}: {result}\n")
                    sys.stdout.flush()
                    held = held and result.beyond == 0
    finally:
        stop_all(running)
    return held


if __name__ == "__main__":
    main()
