"""With Kafka away: nobody hears any more of what identity decides, so reads go on, and an act is granted or refused by
identity itself, over gRPC; where identity is away too, it is refused and changes nothing (architecture §6).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from infra.local.connexion import Jetons, sign_in
from infra.local.jeton import find_personne
from infra.local.platform import Platform
from kit.clock import technical_clock
from kit.http import open_client
from kit.mongo import Document, open_database
from kit.testing.waiting import eventually
from socle.projections.habilitations import FRESH
from tests.e2e.demandes import UAI
from tests.e2e.depots import Frontend, sign_in_as
from tests.e2e.droits import DEMANDES, LECTEURS, compte_of, copies, give_right, take_right, told_of_right
from tests.e2e.refus import codes, is_refused
from tests.e2e.running import owned, run

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

_FICHIERS = {"eleves.xml": b"rien"}
_DEROGER = (
    'mutation($o: Date!) { derogerFenetre(session: 2025, academie: "Rennes", fenetre: {code: REMONTEE_SIECLE, '
    "ouverture: $o}) { calendrier { session } refus { code message } } }"
)
_ELEVES = DEMANDES["ELEVES"].query
_INDISPONIBLE = "Le service est momentanément indisponible : réessayez dans un instant."


@dataclass(frozen=True, slots=True)
class SansKafka:
    """A platform without its broker, and people who had signed in before and were known everywhere."""

    platform: Platform
    personnes: dict[str, Frontend]

    @property
    def uri(self) -> str:
        return self.platform.settings.ports.mongodb_uri

    async def identity(self, *command: str) -> None:
        """Run an operator's command of identity; it must succeed."""
        assert await run(self.platform, "services.identity", *command) == 0

    async def held(self, service: str, collection: str) -> list[Document]:
        """All that a service holds there."""
        database = open_database(self.uri, service)
        found = await database[collection].find({}, sort={"_id": 1}).to_list(None)
        database.client.close()
        return found


@pytest.fixture(scope="module")
async def sans_kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SansKafka]:
    """Kafka was stopped for so long that no service trusts the rights that it knows."""
    async with owned(tmp_path_factory.mktemp("sans-kafka")) as platform:
        courts = ("administrateur", "chef", "gestionnaire", "national")
        known = SansKafka(platform, {court: await sign_in_as(platform.settings, court) for court in courts})
        comptes = {court: await compte_of(personne) for court, personne in known.personnes.items()}
        await give_right(known.personnes["administrateur"], comptes["gestionnaire"], UAI, "ELEVES")

        async def told() -> bool:
            held = [await copies(known.uri, "habilitations", compte) for compte in comptes.values()]
            right = await told_of_right(known.uri, comptes["gestionnaire"], "ELEVES")
            return right == [*LECTEURS] and all(copy for each in held for copy in each.values())

        await eventually(told, within=60)
        platform.supervisor.kill9("kafka")

        async def silent() -> bool:
            beats = (await copies(known.uri, "battements", "identity")).values()
            return all(technical_clock() - beat["emis_le"] > FRESH for beat in beats)

        await eventually(silent, within=30)
        yield known


@asynccontextmanager
async def sans_identity(sans_kafka: SansKafka) -> AsyncIterator[None]:
    """Kill identity too; it comes back afterwards, without Kafka, and whoever asks it soon finds it again."""
    chef, national = sans_kafka.personnes["chef"], sans_kafka.personnes["national"]

    async def asked_again() -> bool:
        answers = (await chef.announce(UAI, _FICHIERS), await national.ask(_DEROGER, o="2024-11-19"))
        return not any(codes(answer) for answer in answers)

    sans_kafka.platform.supervisor.kill9("identity")
    try:
        yield
    finally:
        await sans_kafka.platform.supervisor.restart("identity")
        await eventually(asked_again, within=30, every=0.2)


async def require_read(chef: Frontend) -> None:
    """Every service answers what the head of the lycée asks."""
    for rubrique in ("ELEVES", "PILOTAGE", "RAPPORTS"):
        assert codes(await chef.ask(DEMANDES[rubrique].query, uai=UAI)) == [], rubrique
    nom = await chef.ask("query($uai: ID!) { etablissement(uai: $uai) { nom } }", uai=UAI)
    assert codes(nom) == [], nom


async def put(personne: Frontend, url: str) -> tuple[int, str | None]:
    """Send the announced file; the status, and the code of a refusal."""
    (content,) = _FICHIERS.values()
    async with open_client(headers={"authorization": f"Bearer {personne.token}"}, timeout=20) as client:
        answer = await client.put(url, content=content)
    return answer.status_code, answer.json().get("code")


def address(answer: dict[str, Any]) -> str:
    """Where an announced file is to be sent: the demand was accepted."""
    assert codes(answer) == [], answer
    assert answer["data"]["demanderDepot"]["refus"] == []
    (fichier,) = answer["data"]["demanderDepot"]["fichiers"]
    return str(fichier["url"])


def of_calendar(answer: dict[str, Any]) -> object:
    """The calendar as it was changed: the act was accepted."""
    assert codes(answer) == [], answer
    assert answer["data"]["derogerFenetre"]["refus"] == []
    return answer["data"]["derogerFenetre"]["calendrier"]


async def test_a_right_still_held_is_granted_by_identity_and_one_taken_away_meanwhile_is_refused(
    sans_kafka: SansKafka,
) -> None:
    administrateur, gestionnaire = sans_kafka.personnes["administrateur"], sans_kafka.personnes["gestionnaire"]
    compte = await compte_of(gestionnaire)
    sent, late = [address(await gestionnaire.announce(UAI, _FICHIERS)) for _ in range(2)]
    assert await put(gestionnaire, sent) == (202, None)
    await take_right(administrateur, compte, UAI, "SIECLE")
    assert await told_of_right(sans_kafka.uri, compte, "SIECLE") == [*LECTEURS], "no event can have told them"
    before = await sans_kafka.held("eleves", "imports")
    assert is_refused(await gestionnaire.announce(UAI, _FICHIERS), "NON_AUTORISE")
    assert await put(gestionnaire, late) == (403, "NON_AUTORISE")
    assert len(await sans_kafka.held("eleves", "imports")) == len(before)
    # What is still held is not lost with it.
    assert codes(await gestionnaire.ask(_ELEVES, uai=UAI)) == []
    await give_right(administrateur, compte, UAI, "SIECLE", "ECRITURE")
    assert address(await gestionnaire.announce(UAI, _FICHIERS))


async def test_a_role_taken_away_by_an_operator_steers_no_calendar_any_more(sans_kafka: SansKafka) -> None:
    settings = sans_kafka.platform.settings
    national, courriel = sans_kafka.personnes["national"], find_personne(settings.demonstration, "national").courriel
    role = ("--courriel", courriel, "--role", "ADMIN_NATIONAL")
    assert of_calendar(await national.ask(_DEROGER, o="2024-11-20")) == {"session": 2025}
    await sans_kafka.identity("retirer-role", *role)
    before = await sans_kafka.held("pilotage", "calendriers")
    assert is_refused(await national.ask(_DEROGER, o="2024-11-21"), "NON_AUTORISE")
    assert await sans_kafka.held("pilotage", "calendriers") == before
    await sans_kafka.identity("donner-role", *role)
    # Whoever becomes an administrator signs in again, with the factors of one.
    national = sans_kafka.personnes["national"] = await sign_in_as(settings, "national")
    assert of_calendar(await national.ask(_DEROGER, o="2024-11-22")) == {"session": 2025}


async def test_a_session_that_is_ended_acts_no_more_and_another_of_the_person_does(sans_kafka: SansKafka) -> None:
    settings = sans_kafka.platform.settings
    personne = find_personne(settings.demonstration, "chef")
    ended: Jetons = await sign_in(settings.identity_url, settings.ports.courriels_url, personne)
    chef = sans_kafka.personnes["chef"]
    other = Frontend(chef.gateway, ended.access_token)
    assert address(await other.announce(UAI, _FICHIERS))
    async with open_client() as client:
        asked = {"token": ended.refresh_token, "client_id": "ligne-de-commande"}
        assert (await client.post(f"{settings.identity_url}/revoke", data=asked)).status_code == 200
    assert is_refused(await other.announce(UAI, _FICHIERS), "NON_AUTHENTIFIE")
    assert address(await chef.announce(UAI, _FICHIERS))


async def test_reads_go_on_with_what_identity_answers(sans_kafka: SansKafka) -> None:
    administrateur, gestionnaire = sans_kafka.personnes["administrateur"], sans_kafka.personnes["gestionnaire"]
    await require_read(sans_kafka.personnes["chef"])
    await take_right(administrateur, await compte_of(gestionnaire), UAI, "ELEVES")

    async def refused() -> bool:
        return is_refused(await gestionnaire.ask(_ELEVES, uai=UAI), "NON_AUTORISE")

    await eventually(refused, within=5)
    await give_right(administrateur, await compte_of(gestionnaire), UAI, "ELEVES")

    async def answered() -> bool:
        return codes(await gestionnaire.ask(_ELEVES, uai=UAI)) == []

    await eventually(answered, within=5)


async def test_while_identity_is_away_too_an_act_is_refused_and_changes_nothing_and_reads_go_on(
    sans_kafka: SansKafka,
) -> None:
    chef, national = sans_kafka.personnes["chef"], sans_kafka.personnes["national"]
    announced = address(await chef.announce(UAI, _FICHIERS))
    collections = (("eleves", "imports"), ("pilotage", "calendriers"))
    async with sans_identity(sans_kafka):
        before = [await sans_kafka.held(*each) for each in collections]
        for answer in (await chef.announce(UAI, _FICHIERS), await national.ask(_DEROGER, o="2024-11-23")):
            assert is_refused(answer, "INDISPONIBLE"), answer
            assert [error["message"] for error in answer["errors"]] == [_INDISPONIBLE]
        assert await put(chef, announced) == (503, "INDISPONIBLE")
        assert [await sans_kafka.held(*each) for each in collections] == before
        await require_read(chef)
    # Nothing of it is lost: the same file is taken once identity answers again.
    assert await put(chef, announced) == (202, None)
