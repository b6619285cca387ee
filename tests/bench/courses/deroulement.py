"""How a race is run: round after round, with deaths, or on both sides of a restoration."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from kit.http import open_client
from kit.mongo import Database, Document
from kit.mongo.migrations import generation
from services.identity.usecases import restauration
from tests.bench.courses.departs import AT_ONCE, Attempt, Course, Depart
from tests.bench.courses.piste import Piste
from tests.bench.processus import Instance

_ANSWER_SECONDS = 0.2


@dataclass(slots=True)
class Resultat:
    """What became of the rounds of a race.

    Args:
        told: attempts that were told that they succeeded; `effects`: those that did, by what the store has.
        lost: attempts whose process died before it answered.
        without: rounds in which none was told so.
        beyond: successes that may not be, or were acknowledged and lost.
    """

    rounds: int = 0
    attempts: int = 0
    told: int = 0
    effects: int = 0
    lost: int = 0
    without: int = 0
    beyond: int = 0

    def __str__(self) -> str:
        return (
            f"{self.rounds:,} rounds, {self.attempts:,} attempts, {self.told:,} successes told and {self.effects:,} in "
            f"the store, {self.without:,} rounds without any told, {self.lost:,} attempts without an answer; "
            f"successes beyond: {self.beyond}"
        )


async def run(piste: Piste, course: Course, *, rounds: int, kill_every: int | None = None) -> Resultat:
    """Run so many rounds of a race; in one of `kill_every`, the second process is killed while it answers.

    An attempt whose process dies has no answer, and is counted as such. Where one of the ten has succeeded, whatever
    attempt is left comes after them: what was acknowledged is there, whoever died since.
    """
    result, mortal = Resultat(), piste.served.instances[-1]
    for number in range(1, rounds + 1):
        depart = await course.prepare(piste)
        attempts = await depart.open()
        kills = kill_every is not None and number % kill_every == 0
        async with _clients(piste.served.urls) as clients:
            killing = asyncio.create_task(_kill_soon(mortal)) if kills else None
            told = await _try(attempts[:AT_ONCE], clients, result)
            for again in attempts[AT_ONCE:] if told else ():
                result.beyond += await again(clients[0])
        await _judge(depart, told, result)
        if killing is not None:
            await killing
            await mortal.start()
    return result


async def _kill_soon(instance: Instance) -> None:
    """At any moment of its answer, which takes some tens of milliseconds."""
    await asyncio.sleep(random.uniform(0, _ANSWER_SECONDS))
    await instance.kill()


async def run_after_restoration(piste: Piste, course: Course, *, rounds: int) -> tuple[Resultat, Resultat]:
    """Prepare so many rounds and take a backup; run them, put the backup back, and run them once more.

    The store then knows of no use: what was used serves again, unless the restoration voids it. What became of the
    rounds before it, and after it, where no success may be.
    """
    before, after, served = Resultat(), Resultat(), piste.served
    departs = [await course.prepare(piste) for _ in range(rounds)]
    backup = await _back_up(served.deps.database)
    async with _clients(served.urls) as clients:
        for depart in departs:
            told = await _try((await depart.open())[:AT_ONCE], clients, before)
            await _judge(depart, told, before)
    for instance in served.instances:
        await instance.stop()
    published = await generation(served.deps.database)
    await _put_back(served.deps.database, backup)
    await restauration.begin(served.deps, generation_publiee=published)
    await restauration.finish(served.deps, {})
    await served.deps.trousseau.load()
    for instance in served.instances:
        await instance.start()
    async with _clients(served.urls) as clients:
        for depart in departs:
            told = await _try((await depart.open())[:AT_ONCE], clients, after)
            after.effects += await depart.effects()
    after.beyond = after.told + after.effects
    return before, after


async def _back_up(database: Database) -> Mapping[str, list[Document]]:
    return {name: await database[name].find({}).to_list(None) for name in await database.list_collection_names()}


async def _put_back(database: Database, backup: Mapping[str, list[Document]]) -> None:
    for name in await database.list_collection_names():
        await database[name].delete_many({})
        if documents := backup.get(name):
            await database[name].insert_many(documents)


async def _try(attempts: Sequence[Attempt], clients: Sequence[httpx.AsyncClient], result: Resultat) -> int:
    """Make all of these attempts at the same moment, shared between the processes; how many were told they succeeded.

    Raises:
        AssertionError: one was answered what it never should be.
    """
    answers = await asyncio.gather(
        *(attempt(clients[n % len(clients)]) for n, attempt in enumerate(attempts)), return_exceptions=True
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
    return told


async def _judge(depart: Depart, told: int, result: Resultat) -> None:
    result.effects += await depart.effects()
    result.beyond += await depart.wrong(told)


@asynccontextmanager
async def _clients(urls: Sequence[str]) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each process, with as many connections open as it is about to need: no attempt waits for its own."""
    clients = [open_client(base_url=url, timeout=60) for url in urls]
    try:
        await asyncio.gather(*(_warm(client) for client in clients for _ in range(AT_ONCE)))
        yield clients
    finally:
        for client in clients:
            await client.aclose()


async def _warm(client: httpx.AsyncClient) -> None:
    (await client.get("/sante/vivant")).raise_for_status()
