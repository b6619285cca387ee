"""Without Kafka nobody hears of what is taken away: whoever writes is judged by identity itself, or not at all."""

from datetime import timedelta

import pytest

from infra.local.platform import Platform
from kit.clock import technical_clock
from kit.http import open_client
from kit.mongo import open_database
from kit.testing.waiting import eventually
from socle.projections.habilitations import FRESH
from tests.e2e.depots import Frontend, sign_in_as
from tests.e2e.droits import DEMANDES, LECTEURS, compte_of, copies, give_right, take_right
from tests.e2e.refus import codes, is_refused

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

UAI = "0779000P"
FICHIER = {"eleves.xml": b"rien"}
FIXER = """mutation($echeance: Date!) {
  fixerFenetre(session: 2025, fenetre: {code: REMONTEE_SIECLE, ouverture: "2024-11-13", echeance: $echeance}) {
    calendrier { session } refus { code } } }"""


@pytest.fixture
async def gestionnaire(platform: Platform) -> Frontend:
    """Someone of the lycée who reads its students and sends its files, by rights that everyone has heard of."""
    administrateur, user = (
        await sign_in_as(platform.settings, "administrateur"),
        await sign_in_as(platform.settings, "gestionnaire"),
    )
    compte = await compte_of(user)
    await give_right(administrateur, compte, UAI, "ELEVES")
    await give_right(administrateur, compte, UAI, "SIECLE", "ECRITURE")

    async def known() -> bool:
        held = await copies(platform.settings.ports.mongodb_uri, "habilitations", compte)
        return all({"ELEVES", "SIECLE"} <= {d["rubrique"] for d in held[name].get("droits", ())} for name in LECTEURS)

    await eventually(known, within=30)
    return user


async def silence(platform: Platform) -> None:
    """Stop Kafka, and wait until what every service knows of identity is too old to change anything by."""
    platform.supervisor.kill9("kafka")

    async def is_old() -> bool:
        heard = await copies(platform.settings.ports.mongodb_uri, "battements", "identity")
        return all(technical_clock() - heard[name]["emis_le"] > FRESH + timedelta(seconds=1) for name in LECTEURS)

    await eventually(is_old, within=30, every=0.2)


async def put(who: Frontend, url: str) -> tuple[int, str | None]:
    """What is answered to a file that was announced: the status, and the code of the refusal."""
    async with open_client(headers={"authorization": f"Bearer {who.token}"}, timeout=20) as client:
        answer = await client.put(url, content=FICHIER["eleves.xml"])
    return answer.status_code, answer.json().get("code")


async def announced(who: Frontend) -> str:
    """Where the file may be sent."""
    depot = (await who.announce(UAI, FICHIER))["data"]["demanderDepot"]
    assert depot["refus"] == []
    return str(depot["fichiers"][0]["url"])


async def test_without_kafka_a_right_is_judged_by_identity_and_without_identity_nothing_is_written(
    platform: Platform, gestionnaire: Frontend
) -> None:
    database = open_database(platform.settings.ports.mongodb_uri, "eleves")
    chef, national = [await sign_in_as(platform.settings, court) for court in ("chef", "national")]
    administrateur, compte = await sign_in_as(platform.settings, "administrateur"), await compte_of(gestionnaire)
    await silence(platform)

    url, kept = await announced(gestionnaire), await announced(chef)
    assert (await national.ask(FIXER, echeance="2025-01-11"))["data"]["fixerFenetre"]["refus"] == []
    await take_right(administrateur, compte, UAI, "SIECLE")
    assert is_refused(await gestionnaire.announce(UAI, FICHIER), "NON_AUTORISE")
    assert await put(gestionnaire, url) == (403, "NON_AUTORISE")
    assert codes(await gestionnaire.ask(DEMANDES["ELEVES"].query, uai=UAI)) == [], "the other right is still held"

    platform.supervisor.kill9("identity")
    imports = await database.imports.find({}).sort("_id", 1).to_list(None)
    assert codes(await gestionnaire.ask(DEMANDES["ELEVES"].query, uai=UAI)) == [], "reading goes on"
    assert is_refused(await chef.announce(UAI, FICHIER), "INDISPONIBLE")
    assert await put(chef, kept) == (503, "INDISPONIBLE")
    assert is_refused(await national.ask(FIXER, echeance="2025-01-12"), "INDISPONIBLE")
    assert await database.imports.find({}).sort("_id", 1).to_list(None) == imports, "nothing is changed"

    await platform.supervisor.restart("kafka")
    await platform.supervisor.restart("identity")

    async def taken() -> bool:
        return (await put(chef, kept))[0] == 202

    await eventually(taken, within=60, every=0.5)
    assert is_refused(await gestionnaire.announce(UAI, FICHIER), "NON_AUTORISE")
    database.client.close()
