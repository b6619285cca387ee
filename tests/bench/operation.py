"""The operation of a head of school over five services, against the same store reads by one bare application.

CPU of our processes is counted, telemetry on as shipped and tokens checked, less what they use when nobody asks.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import uvicorn
from motor.motor_asyncio import AsyncIOMotorClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from generateur.ecoles import generate_ecole
from generateur.siecle import write_eleves
from infra.local.platform import Platform, read_settings
from infra.local.processes import free_ports
from kit.http import open_client
from kit.mongo import Document
from kit.testing.waiting import eventually
from tests.bench.measures import Bar
from tests.e2e.depots import Frontend, sign_in_as
from tests.e2e.running import PORTS

_UAI = "0779000P"
_REQUESTS = 200
_WARM_UP = 30
_IDLE_SECONDS = 5.0
_QUIET = 0.15
"""Seconds of CPU in a second, of all of them: 0.07 to 0.09 when nobody asks, from 0.2 while one still reads events."""
_PARTS = ("gateway", "identity", "offre", "eleves", "pilotage", "rapports")
OPERATION = """
query TableauDeBord($uai: ID!) {
  moi { prenom nom roles { role } droits { rubrique niveau } }
  etablissement(uai: $uai) {
    nom commune
    formations(first: 20) {
      edges { node { id libelle capacite rapport { etat chiffres { places voeuxConfirmes propositions acceptes } } } }
    }
  }
  eleves(uai: $uai, first: 35) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { id nom prenoms classe serie boursier courriel tache { type } } }
  }
  indicateurs(uai: $uai) { etablissement { ...Tous } academie { ...Tous } nation { ...Tous } }
}
fragment Tous on Indicateurs { calculeLe ensemble { ...Chiffres } series { ...Chiffres } }
fragment Chiffres on ChiffresIndicateurs {
  serie vivier vivierInitial inscrits tauxParticipation sansVoeu auMoinsUnL1OuPass seulementL1OuPass
}
"""


async def measure(folder: Path, *, runs: int) -> Bar:
    """CPU of all our Python processes for the operation, as a multiple of the bare application's."""
    async with _platform(folder) as (platform, frontend):
        ours = [psutil.Process(platform.supervisor.find(name).process.pid) for name in _PARTS]
        body = orjson.dumps({"query": OPERATION, "variables": {"uai": _UAI}})
        gateway = f"{frontend.gateway}/graphql"
        headers = {"authorization": f"Bearer {frontend.token}", "content-type": "application/json"}
        await eventually(lambda: _is_quiet(ours), within=120)
        async with _bare(platform.settings.ports.mongodb_uri, await _subject(frontend)) as (process, url):
            ratios, taken = [], []
            for _ in range(runs):
                asked = await _cpu(ours, "POST", gateway, content=body, headers=headers)
                bare = await _cpu([process], "GET", url)
                ratios.append(asked / bare)
                taken.append(1000 * bare)
    return Bar(
        what="the operation of a head of school, CPU of the gateway and the five services",
        values=ratios,
        unit="×",
        bar=5.0,
        yardstick="the same store reads, by the same indexes, returned raw by one bare Starlette application; of both, "
        "what they use when nobody asks is left out",
        taken=taken,
        taken_unit=" ms of CPU",
    )


@asynccontextmanager
async def _platform(folder: Path) -> AsyncIterator[tuple[Platform, Frontend]]:
    ports = {name: str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    platform = Platform(read_settings({**ports, "DOSSIER_PLATEFORME": str(folder / "plateforme")}))
    try:
        await platform.start()
        lycee = generate_ecole(_UAI, session=2025, terminales=192, seed=2025)
        administrator = await sign_in_as(platform.settings, "administrateur")
        await administrator.ended(await administrator.deposit(_UAI, {"Eleves.xml": write_eleves(lycee)}))
        chef = await sign_in_as(platform.settings, "chef")

        async def complete() -> bool:
            answer = await chef.ask(OPERATION, uai=_UAI)
            counted = answer["data"]["indicateurs"]["etablissement"]["ensemble"]
            return bool(counted["vivier"] == len(lycee.eleves) and counted["inscrits"])

        await eventually(complete, within=60)
        yield platform, chef
    finally:
        platform.stop()


async def _subject(frontend: Frontend) -> str:
    """The account that asks."""
    answer = await frontend.ask("{ moi { id } }")
    return str(answer["data"]["moi"]["id"])


async def _cpu(processes: Sequence[psutil.Process], method: str, url: str, **request: Any) -> float:
    """Seconds of CPU of these processes for one request, warm, beyond what they use when nobody asks."""
    idle = await _idle(processes)
    async with open_client(timeout=30) as client:
        for number in range(_WARM_UP + _REQUESTS):
            if number == _WARM_UP:
                before, started = _used(processes), time.perf_counter()
            answer = await client.request(method, url, **request)
            assert answer.status_code == 200, answer.text
            assert b'"errors"' not in answer.content, answer.text
    elapsed = time.perf_counter() - started
    return (_used(processes) - before - idle * elapsed) / _REQUESTS


async def _is_quiet(processes: Sequence[psutil.Process]) -> bool:
    """Whether what was loaded has been worked off: what is taken as idle would be subtracted from each answer."""
    return await _idle(processes) < _QUIET


async def _idle(processes: Sequence[psutil.Process]) -> float:
    """Seconds of CPU they use in a second when nobody asks."""
    before, started = _used(processes), time.perf_counter()
    await asyncio.sleep(_IDLE_SECONDS)
    return (_used(processes) - before) / (time.perf_counter() - started)


def _used(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(t.user + t.system for t in times)


@asynccontextmanager
async def _bare(mongodb_uri: str, compte: str) -> AsyncIterator[tuple[psutil.Process, str]]:
    (port,) = free_ports(1)
    environment = {**os.environ, "MONGODB_URI": mongodb_uri, "PORT": str(port), "COMPTE": compte}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.operation", env=environment)
    url = f"http://127.0.0.1:{port}/"

    async def answers() -> bool:
        try:
            async with open_client() as client:
                return (await client.get(url)).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        await eventually(answers, within=30)
        yield psutil.Process(process.pid), url
    finally:
        process.terminate()
        await process.wait()


def _application(mongodb_uri: str, compte: str) -> Starlette:
    """The reads that our services make for the operation, all at once, and what they find as it is."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(mongodb_uri, tz_aware=True)
    identity, offre, eleves, pilotage, rapports = (client[name] for name in _PARTS[1:])
    school = {"session": 2025, "uai": _UAI, "parti_le": None}
    places = [f"2025/{place}" for place in (_UAI, "creteil", "nation")]

    async def read_formations() -> list[object]:
        of = {"session": 2025, "uai": _UAI}
        found = await offre.formations.find(of).sort([("libelle", 1), ("_id", 1)]).limit(21).to_list(21)
        ids = [document["_id"] for document in found[:20]]
        return [
            found,
            *await asyncio.gather(
                offre.formations.count_documents(of),
                rapports.formations.find({"_id": {"$in": ids}}).to_list(None),
                rapports.chiffres.find({"_id": {"$in": ids}}).to_list(None),
            ),
        ]

    async def answer(_request: Request) -> Response:
        found = await asyncio.gather(
            identity.familles.find_one({"compte": compte}),
            identity.comptes.find_one({"_id": compte}),
            identity.comptes.find_one({"_id": compte}),
            offre.etablissements.find({"_id": {"$in": [_UAI]}}).to_list(None),
            read_formations(),
            eleves.eleves.find(school).sort([("tri", 1), ("_id", 1)]).limit(36).to_list(36),
            eleves.eleves.count_documents(school),
            pilotage.resultats.find({"_id": {"$in": places}}).to_list(None),
        )
        return Response(orjson.dumps(found, default=str), media_type="application/json")

    return Starlette(routes=[Route("/", answer)])


if __name__ == "__main__":
    uvicorn.run(
        _application(os.environ["MONGODB_URI"], os.environ["COMPTE"]),
        port=int(os.environ["PORT"]),
        log_config=None,
        access_log=False,
    )
