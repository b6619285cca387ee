"""Managing accounts in tests: establishments that are known, who acts, and what it is mailed of."""

import itertools
import re
from uuid import uuid4

import httpx

from kit.consumer.messages import Received
from kit.consumer.projections import upsert
from kit.testing.waiting import eventually
from kit.versions import Version
from proto.offre.v1 import offre_pb2
from services.identity.domain.audit import Issue, Recherche
from services.identity.store.audit import search
from services.identity.store.comptes import find_compte
from services.identity.store.etablissements import ETABLISSEMENTS, etablissement_document
from services.identity.tests.conftest import Identity, Titulaire
from services.identity.usecases.audit import OPERATEUR_LECTEUR
from socle.identifiants import uai_letter
from socle.principal import Preuve, Principal

_NUMEROS = itertools.count()


async def known(identity: Identity, uai: str, academie: str) -> str:
    """An establishment, as `offre` publishes it."""
    message = offre_pb2.Etablissement(uai=uai, academie=academie)
    row = (Received(uai, Version(1, 1), message), etablissement_document(message))
    await upsert(identity.deps.database, ETABLISSEMENTS.name, [row])
    return uai


async def new_uai(identity: Identity, academie: str = "creteil") -> str:
    """An establishment of one's own: no two are alike in a process, nor one like those that tests name."""
    digits = f"093{next(_NUMEROS):04d}"
    return await known(identity, digits + uai_letter(digits), academie)


async def acts(identity: Identity, who: Titulaire) -> Principal:
    """Who acts, with what it holds now, having just proved who it is."""
    compte = await find_compte(identity.deps.database, who.compte.id)
    assert compte is not None
    return Principal(
        compte=compte.id,
        session="01SESSION",
        actif=compte.actif,
        preuve=Preuve(acr="3", amr=("pwd", "otp", "email"), le=identity.deps.clock()),
        roles=compte.roles,
        droits=compte.droits,
    )


def new_address() -> str:
    """The address of somebody without account."""
    # Letters only: seven digits and a letter would be taken for an establishment's.
    return "noa." + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex) + "@ac-creteil.fr"


async def letters(identity: Identity, courriel: str, *, count: int = 1) -> list[str]:
    """The texts of the letters to that address, the oldest first, once there are `count`."""

    async def arrived() -> list[str]:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{identity.courriels}/messages", params={"destinataire": courriel})
        found = sorted(answer.raise_for_status().json(), key=lambda message: int(message["id"]))
        texts = [" ".join(str(message["texte"]).split()) for message in found]
        return texts if len(texts) >= count else []

    return await eventually(arrived)


async def told(identity: Identity, courriel: str, what: str) -> None:
    """Wait until a letter to that address says so."""

    async def said() -> bool:
        return any(what in letter for letter in await letters(identity, courriel))

    await eventually(said)


def link_in(letter: str) -> str:
    """The secret of the activation link of a letter."""
    found = re.search(r"/activation\?lien=([\w-]+)", letter)
    assert found is not None, letter
    return found[1]


async def done(identity: Identity, compte: str) -> list[str]:
    """What the trail says was done to that account, and refused, in order."""
    lignes = await search(identity.deps.database, Recherche(compte=compte), OPERATEUR_LECTEUR.lecture, first=100)
    return [ligne.acte if ligne.issue is Issue.FAITE else f"{ligne.acte} {ligne.motif}" for ligne in reversed(lignes)]
