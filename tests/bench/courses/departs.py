"""The races: what serves once, used ten times at the same moment; and what ends, used while it does.

Each round prepares what is raced for by the use cases, so that no time goes into signing in; the ten attempts go over
HTTP, five to each process. What is counted is what a client was told, what the store has of it, and what can be done
with it afterwards.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pyotp
from ulid import ULID

from kit.http import open_client
from services.identity.condensats import condensat, new_secret
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Facteur
from services.identity.domain.liens import Usage
from services.identity.store.comptes import COMPTES
from services.identity.store.connexions import CONNEXIONS
from services.identity.store.facteurs import find_facteurs
from services.identity.store.jetons import JETONS
from services.identity.store.work import Work
from services.identity.usecases.comptes import NouveauCompte, create_compte, issue_link
from services.identity.usecases.connexion import begin_activated
from services.identity.usecases.secours import renew_codes
from socle.principal import RoleTenu
from socle.rubriques import Role
from tests.bench.courses.piste import CLIENT, Piste

AT_ONCE = 10
_CHOSEN = "neuf bateaux jaunes sous la pluie"
_ROLE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
_RETIRER = "mutation($e: RetirerRoleInput!) { retirerRole(entree: $e) { compte { id } refus { code } } }"

type Attempt = Callable[[httpx.AsyncClient], Awaitable[bool]]
"""One try, by a client of its own; whether it was told that it succeeded."""


@dataclass(frozen=True, slots=True)
class Depart:
    """A round about to start.

    Args:
        open: the attempts to make at the same moment, and mostly one more to make afterwards; what leads to them, a
            sign-in for a code, is begun when it is called.
        wrong: once all are over, `told` of them having been told that they succeeded: how many more did than may, by
            what they were told or by what the store has; and how many were told so of which the store has nothing.
        effects: how many succeeded, by what the store has.
    """

    open: Callable[[], Awaitable[Sequence[Attempt]]]
    wrong: Callable[[int], Awaitable[int]]
    effects: Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Course:
    """A race, by its name, and how a round of it is prepared."""

    nom: str
    prepare: Callable[[Piste], Awaitable[Depart]]


def _once(open: Callable[[], Awaitable[Sequence[Attempt]]], effects: Callable[[], Awaitable[int]]) -> Depart:
    async def wrong(told: int) -> int:
        had = await effects()
        return max(0, max(told, had) - 1) + max(0, told - had)

    return Depart(open, wrong, effects)


def _posts(path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Attempt:
    async def attempt(http: httpx.AsyncClient) -> bool:
        answer = await http.post(path, data=dict(fields), headers=headers)
        # Who is in the way of too many others is told to try again.
        assert answer.status_code in {200, 303, 400, 404, 422, 503}, (answer.status_code, answer.text)
        return answer.status_code in {200, 303}

    return attempt


def _same(attempt: Attempt) -> Callable[[], Awaitable[Sequence[Attempt]]]:
    async def open() -> Sequence[Attempt]:
        return [attempt] * (AT_ONCE + 1)

    return open


# --- what serves once


async def _refresh(piste: Piste) -> Depart:
    value, famille = await piste.refresh_token((await piste.someone())[0])

    async def successors() -> int:
        return await piste.served.deps.database[JETONS.name].count_documents({"famille": famille}) - 1

    return _once(_same(_posts(*piste.refresh(value))), successors)


def _shown(piste: Piste, compte: Compte, moyen: Facteur, champ: str, code: Callable[[], str]) -> Depart:
    """A second factor, in as many sign-ins as there are attempts."""

    async def open() -> Sequence[Attempt]:
        begun = await asyncio.gather(*(begin_activated(piste.served.deps, compte) for _ in range(AT_ONCE + 1)))
        shown, forms = code(), [piste.form(secret) for secret in begun]
        return [
            _posts("/connexion/code", fields | {"moyen": champ, "code": shown}, headers) for headers, fields in forms
        ]

    async def signed_in() -> int:
        proved = {"compte": compte.id, "faits": moyen}
        return await piste.served.deps.database[CONNEXIONS.name].count_documents(proved)

    return _once(open, signed_in)


async def _totp(piste: Piste) -> Depart:
    compte, secret = await piste.someone()
    return _shown(piste, compte, Facteur.TOTP, "totp", pyotp.TOTP(secret).now)


async def _recovery(piste: Piste) -> Depart:
    compte, _ = await piste.someone()
    codes = await renew_codes(piste.served.deps, await piste.sign_in_directly(compte))
    return _shown(piste, compte, Facteur.SECOURS, "secours", lambda: codes[0])


async def _link(piste: Piste, path: str, lien: str, compte: Compte) -> Depart:
    """A password chosen by a link."""
    headers, fields = piste.form(new_secret())
    chosen = {"lien": lien, "mot_de_passe": _CHOSEN, "confirmation": _CHOSEN}
    before = await _passwords(piste, compte)

    async def changed() -> int:
        return await _passwords(piste, compte) - before

    return _once(_same(_posts(path, fields | chosen, headers)), changed)


async def _passwords(piste: Piste, compte: Compte) -> int:
    """How many passwords of that account are known, of which the last three are kept."""
    facteurs = await find_facteurs(piste.served.deps.database, compte.id)
    return 0 if facteurs is None else len(facteurs.mots_de_passe)


async def _reset(piste: Piste) -> Depart:
    (compte, _), lien, deps = await piste.someone(), new_secret(), piste.served.deps

    async def body(work: Work) -> None:
        await work.liens.issue(condensat(lien), Usage.MOT_DE_PASSE, compte.id, now=deps.clock())

    await deps.transact(body)
    return await _link(piste, "/mot-de-passe", lien, compte)


async def _invitation(piste: Piste) -> Depart:
    unique = "".join(chr(ord("a") + int(digit, 16)) for digit in f"{int(ULID()):x}")
    nouveau = NouveauCompte(courriel=f"lou.{unique}@ac-creteil.fr", nom="Vidal", prenom="Lou", roles=[_ROLE])
    compte = await create_compte(piste.served.deps, nouveau, par=OPERATEUR)
    return await _link(piste, "/activation", await issue_link(piste.served.deps, compte), compte)


# --- what ends


async def _session(piste: Piste) -> Depart:
    """A session, which serves until it ends."""
    secret = new_secret()
    await piste.sign_in_directly((await piste.someone())[0], secret=secret)

    async def attempt(http: httpx.AsyncClient) -> bool:
        answer = await http.get("/compte", headers={"cookie": f"session={secret}"})
        assert answer.status_code in {200, 303}, answer.text
        return answer.status_code == 200

    async def none() -> int:
        return 0

    return _once(_same(attempt), none)


async def _refresh_against_revoke(piste: Piste) -> Depart:
    """Whatever was given before the end, or while it came, is worth nothing after it.

    Renewed once only: two renewals of one token end the family by themselves, and nothing would be seen of the end.
    """
    value, famille = await piste.refresh_token((await piste.someone())[0])
    path, asked = piste.refresh(value)
    given: list[str] = []

    async def renew(http: httpx.AsyncClient) -> bool:
        answer = await http.post(path, data=asked)
        assert answer.status_code in {200, 400, 503}, answer.text
        if answer.status_code == 200:
            given.append(answer.json()["refresh_token"])
        return answer.status_code == 200

    async def revoke(http: httpx.AsyncClient) -> bool:
        answer = await http.post("/revoke", data={"token": value, "client_id": CLIENT})
        assert answer.status_code in {200, 503}, answer.text
        return False

    async def open() -> Sequence[Attempt]:
        return [renew, *[revoke] * (AT_ONCE - 1)]

    async def successors() -> int:
        return await piste.served.deps.database[JETONS.name].count_documents({"famille": famille}) - 1

    async def alive(_told: int) -> int:
        async with open_client(base_url=piste.served.urls[0], timeout=60) as http:
            return sum([await _posts(*piste.refresh(successor))(http) for successor in given])

    return Depart(open, alive, successors)


async def _last_administrator(piste: Piste) -> Depart:
    """Two administrators of a new establishment, each removed by five at the same moment: one stays."""
    uai, token = await piste.new_establishment(), await piste.academy_token()
    administrators = [held.id for held in await piste.administrators(uai)]
    headers = {"authorization": f"Bearer {token}"}

    def remove(compte: str) -> Attempt:
        asked = {"compte": compte, "role": {"role": Role.ADMIN_ETABLISSEMENT, "uai": uai}}

        async def attempt(http: httpx.AsyncClient) -> bool:
            return _is_removed(
                (
                    await http.post("/graphql", json={"query": _RETIRER, "variables": {"e": asked}}, headers=headers)
                ).json()
            )

        return attempt

    async def open() -> Sequence[Attempt]:
        return [remove(compte) for compte in administrators * (AT_ONCE // 2)]

    async def removed() -> int:
        administers = {"$elemMatch": {"role": Role.ADMIN_ETABLISSEMENT, "uai": uai}}
        left = await piste.served.deps.database[COMPTES.name].count_documents({"roles": administers})
        return len(administrators) - left

    async def wrong(told: int) -> int:
        had = await removed()
        return max(0, had - 1) + (1 if told and not had else 0)

    return Depart(open, wrong, removed)


def _is_removed(answer: Any) -> bool:
    if answer.get("errors"):
        # Who is in the way of too many others is told to try again.
        assert answer["errors"][0]["extensions"]["code"] == "INDISPONIBLE", answer
        return False
    refused = [one["code"] for one in answer["data"]["retirerRole"]["refus"]]
    assert refused in ([], ["DERNIER_ADMINISTRATEUR"]), answer
    return refused == []


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
RESTAUREES = (*SERVENT_UNE_FOIS, Course("one session", _session))
"""What a restoration voids, used or not."""
