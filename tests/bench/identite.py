"""Signing in, and what comes after, against what cannot be done without: the hash, the signatures, the store calls.

`identity` runs in a process of its own, as it is shipped but for its spans. The store calls of the yardstick are its
own, recorded while the same requests are answered in this process. What it uses when nobody asks is left out.
"""

import asyncio
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey
from joserfc.jws import deserialize_compact
from pymongo import monitoring

from infra.local.connexion import Jetons, Page, Personne, refresh
from kit.auth.access_tokens import ALGORITHM, IssuerKeys, TokenVerifier
from kit.http import open_client
from kit.testing.issuer import Issuer
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually
from services.identity.app import create_app
from services.identity.origine import adresse
from tests.bench.enregistrement import Appel, Enregistreur, replay
from tests.bench.measures import Bar
from tests.bench.served_identity import MOT_DE_PASSE, Served, serve_identity

_PASSWORDS = 100
_AT_ONCE = 8
_GUESSES = 1_000
_RESAMPLES = 2_000
_SIGN_INS = 40
_REFRESHES = 200
_TOKENS = 2_000
_IDLE_SECONDS = 5.0

type Call = Callable[[], Awaitable[object]]


async def measure(mongodb_uri: str, kafka: str, folder: Path, *, runs: int) -> AsyncIterator[Bar]:
    """The bars of one process of identity, and of the check of a token in a service."""
    async with serve_identity(mongodb_uri, kafka, folder) as served:
        yield await _passwords(served, runs=runs)
        yield await _difference(served)
    async with serve_identity(mongodb_uri, kafka, folder, cheap_hash=True) as served, _recording(served) as recorder:
        yield await _sign_ins(served, recorder, runs=runs)
        yield await _refreshes(served, recorder, runs=runs)
    yield await _checks(runs=runs)


# --- passwords, in time


async def _passwords(served: Served, *, runs: int) -> Bar:
    people, ratios, taken = await served.people(_PASSWORDS), [], []
    async with open_client(timeout=60) as http:
        fields = await _form(http, served)
        for _ in range(runs):
            started = time.perf_counter()
            await asyncio.gather(*(_post_all(http, served, fields, people[n::_AT_ONCE]) for n in range(_AT_ONCE)))
            asked = time.perf_counter() - started
            bare = await asyncio.to_thread(_hash_bare, _PASSWORDS)
            ratios.append(asked / bare)
            taken.append(_PASSWORDS / bare)
    return Bar(
        what="a password sign-in, many at once (at least 0.85 of the hashes a second: at most 1.18 of their time)",
        values=ratios,
        unit="×",
        bar=1 / 0.85,
        yardstick="argon2id with the same parameters, on as many threads as cores",
        taken=taken,
        taken_unit=" a second",
    )


async def _form(http: httpx.AsyncClient, served: Served) -> dict[str, str]:
    form = Page((await http.get(f"{served.urls[0]}/connexion")).text).form("/connexion")
    assert form is not None
    return form.champs


async def _post_all(
    http: httpx.AsyncClient, served: Served, fields: dict[str, str], people: Sequence[Personne]
) -> None:
    # The cookie of before the password is sent again and again: each answer brings one of its own.
    visit = {"cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in http.cookies.jar)}
    for personne in people:
        answer = await _post(http, served, fields, personne.courriel, MOT_DE_PASSE, headers=visit)
        assert answer.is_redirect, answer.status_code


async def _post(
    http: httpx.AsyncClient,
    served: Served,
    fields: dict[str, str],
    courriel: str,
    mot_de_passe: str,
    *,
    headers: dict[str, str],
) -> httpx.Response:
    data = fields | {"courriel": courriel, "mot_de_passe": mot_de_passe}
    return await http.post(f"{served.urls[0]}/connexion", data=data, headers={**headers, "origin": served.urls[0]})


def _hash_bare(count: int) -> float:
    hasher = PasswordHasher()
    held = hasher.hash(MOT_DE_PASSE)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        started = time.perf_counter()
        for right in threads.map(lambda _: hasher.verify(held, MOT_DE_PASSE), range(count)):
            assert right
        return time.perf_counter() - started


async def _difference(served: Served) -> Bar:
    """The bar is on the farther end of the interval: what whoever measures for long could still believe."""
    people, unknown, wrong = await served.people(_GUESSES), list[float](), list[float]()
    async with open_client(timeout=60) as http:
        fields = await _form(http, served)
        for n, personne in enumerate(people):
            for taken, courriel in ((unknown, f"nul.n{n:05d}q@ac-creteil.fr"), (wrong, personne.courriel)):
                started = time.perf_counter()
                answer = await _post(http, served, fields, courriel, "ce n'est pas le bon du tout", headers={})
                taken.append(time.perf_counter() - started)
                assert answer.status_code == 422, answer.status_code
    low, high = _interval(unknown, wrong)
    hashed = _hash_bare(20) / 20 * (os.cpu_count() or 1)
    return Bar(
        what=f"« unknown account » and « wrong password », {_GUESSES:,} each in turn: the farther end of the 95 % "
        "interval of the difference of their medians",
        values=[100 * max(abs(low), abs(high)) / hashed],
        unit=" %",
        bar=5.0,
        yardstick="the time of the hash",
        taken=[1000 * hashed],
        taken_unit=" ms",
    )


def _interval(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    draw = random.Random(1)
    differences = sorted(
        statistics.median(draw.choices(one, k=len(one))) - statistics.median(draw.choices(other, k=len(other)))
        for _ in range(_RESAMPLES)
    )
    return differences[int(0.025 * _RESAMPLES)], differences[int(0.975 * _RESAMPLES)]


# --- the rest, in CPU


@dataclass(frozen=True, slots=True)
class Recorder:
    """The same service in this process, which notes the store calls that its requests lead to."""

    url: str
    listener: Enregistreur

    async def calls(self, request: Call) -> list[Appel]:
        """The store calls of a request."""
        self.listener.appels.clear()
        await request()
        return list(self.listener.appels)


@asynccontextmanager
async def _recording(served: Served) -> AsyncIterator[Recorder]:
    # A request has an address, and what is done for it knows that address; loops have none.
    listener = Enregistreur(lambda: adresse() is not None)
    monitoring.register(listener)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    changed = {"identity_url": url, "identity_port": port, "identity_grpc_port": free_port()}
    async with serve(create_app(served.settings.model_copy(update=changed)), port=port), open_client() as http:

        async def ready() -> bool:
            return (await http.get(f"{url}/sante/pret")).status_code == 200

        await eventually(ready, within=60)
        yield Recorder(url, listener)


async def _sign_ins(served: Served, recorder: Recorder, *, runs: int) -> Bar:
    one, ratios, taken = (await served.people(1))[0], list[float](), list[float]()
    appels = await recorder.calls(lambda: _sign_in(served, one, url=recorder.url))
    for _ in range(runs):
        people = await served.people(_SIGN_INS)
        asked = await _cpu_of(served, [partial(_sign_in, served, personne) for personne in people])
        bare = await _cpu_bare(served, appels, times=_SIGN_INS, signatures=2)
        ratios.append(asked / bare)
        taken.append(1000 * bare / _SIGN_INS)
    return Bar(
        what="a whole sign-in with TOTP, CPU without the hash",
        values=ratios,
        unit="×",
        bar=2.5,
        yardstick=f"the same {len(appels)} store calls, and two ES256 signatures, made bare",
        taken=taken,
        taken_unit=" ms of CPU",
    )


async def _refreshes(served: Served, recorder: Recorder, *, runs: int) -> Bar:
    one, other = await served.people(2)
    recorded, jetons = await _sign_in(served, one, url=recorder.url), await _sign_in(served, other)
    ratios, taken = list[float](), list[float]()
    async with open_client() as http:
        appels = await recorder.calls(lambda: refresh(http, recorder.url, recorded))

        async def renew() -> None:
            nonlocal jetons
            jetons = await refresh(http, served.urls[0], jetons)

        for _ in range(runs):
            asked = await _cpu_of(served, [renew] * _REFRESHES)
            bare = await _cpu_bare(served, appels, times=_REFRESHES, signatures=1)
            ratios.append(asked / bare)
            taken.append(1000 * bare / _REFRESHES)
    return Bar(
        what="a refresh, CPU",
        values=ratios,
        unit="×",
        bar=2.5,
        yardstick=f"the same {len(appels)} store calls, and an ES256 signature, made bare",
        taken=taken,
        taken_unit=" ms of CPU",
    )


async def _sign_in(served: Served, personne: Personne, *, url: str = "") -> Jetons:
    async with aclosing(served.browser(personne, url=url)) as browser:
        return await browser.sign_in()


async def _cpu_of(served: Served, calls: Sequence[Call]) -> float:
    """Seconds of CPU that the service uses for these calls, made one after the other."""
    process = psutil.Process(served.instances[0].process.pid)
    before, started = _seconds(process), time.perf_counter()
    await asyncio.sleep(_IDLE_SECONDS)
    idle = (_seconds(process) - before) / (time.perf_counter() - started)
    before, started = _seconds(process), time.perf_counter()
    for call in calls:
        await call()
    return _seconds(process) - before - idle * (time.perf_counter() - started)


async def _cpu_bare(served: Served, appels: Sequence[Appel], *, times: int, signatures: int) -> float:
    key, process = ec.generate_private_key(ec.SECP256R1()), psutil.Process()
    before = _seconds(process)
    for _ in range(times):
        await replay(served.deps.database, appels)
        for _ in range(signatures):
            key.sign(b"x" * 500, ec.ECDSA(SHA256()))
    return _seconds(process) - before


def _seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


async def _checks(*, runs: int) -> Bar:
    """A token that was never seen before: one that was is remembered, and costs a look into a table."""
    issuer, ratios, taken = Issuer(free_port()), list[float](), list[float]()
    public = ECKey.import_key(issuer.key.as_dict(private=False))
    tokens = [issuer.token(sub=f"01COMPTE{n}") for n in range(_TOKENS)]
    async with serve(issuer.app(), port=issuer.port):
        for _ in range(runs):
            verifier = TokenVerifier(IssuerKeys(issuer.url))
            await verifier.verify(issuer.token(sub="01PREMIER"))
            started = time.process_time()
            for token in tokens:
                await verifier.verify(token)
            asked = time.process_time() - started
            started = time.process_time()
            for token in tokens:
                deserialize_compact(token, public, algorithms=[ALGORITHM])
            bare = time.process_time() - started
            ratios.append(asked / bare)
            taken.append(1e6 * bare / _TOKENS)
    return Bar(
        what="a service checks an access token that it sees for the first time, CPU",
        values=ratios,
        unit="×",
        bar=1.5,
        yardstick="its ES256 signature verified by joserfc with the key in hand, and nothing else",
        taken=taken,
        taken_unit=" µs",
    )
