"""From the candidates' topics to the figures of a draft, through the service as it runs."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from kit.consumer import rebuild
from kit.mongo import Database
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving
from kit.testing.waiting import eventually
from proto.offre.v1 import offre_pb2
from services.rapports.__main__ import main
from services.rapports.consumers import recomputer, subscriptions
from services.rapports.settings import RapportsSettings
from services.rapports.store.candidatures import keep_candidatures
from services.rapports.store.lectures import Reads
from services.rapports.tests.told import ACADEMIES, UAI, Teller, ask, candidature, chiffres, gone, voeu
from socle.rubriques import Role
from socle.testing.rights import grant, role

pytestmark = pytest.mark.stack

WITHIN_SECONDS = 5.0


async def draft_of(serving: Serving, headers: dict[str, str], id: str) -> dict[str, Any] | None:
    rapport = (await ask(serving, headers, id))["data"]["_entities"][0]["rapport"]
    return None if rapport is None else rapport["chiffres"]


async def shown(serving: Serving, headers: dict[str, str], id: str, expected: dict[str, Any]) -> dict[str, Any]:
    """The figures of the draft, once they are these but for their date."""

    async def as_expected() -> dict[str, Any] | None:
        found = await draft_of(serving, headers, id)
        return found if found is not None and found | {"calculeLe": None} == expected else None

    found = await eventually(as_expected, within=WITHIN_SECONDS)
    assert found is not None
    return found


async def test_the_figures_of_a_draft_follow_the_candidates_within_seconds(
    served: Serving, tell: Teller, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    headers = issuer.authorization(sub="01CHEF")
    await tell.candidatures(
        candidature("a", 1, voeu("2025/1"), voeu("2025/2")),
        candidature("b", 1, voeu("2025/1")),
        candidature("c", 1, voeu("2025/1")),
    )
    first = await shown(served, headers, "2025/1", chiffres(30, voeuxConfirmes=3))
    age = datetime.now(UTC) - datetime.fromisoformat(first["calculeLe"])
    assert timedelta(0) <= age < timedelta(seconds=WITHIN_SECONDS)
    await tell.candidatures(
        candidature("a", 2, voeu("2025/1", "ACCEPTE", propose=True), voeu("2025/2", "REFUSE", propose=True)),
        candidature("b", 2, voeu("2025/1", "EN_ATTENTE")),
        candidature("c", 2),
    )
    expected = chiffres(30, voeuxConfirmes=2, propositions=1, acceptes=1, enAttente=1)
    later = await shown(served, headers, "2025/1", expected)
    assert later["calculeLe"] > first["calculeLe"]
    await shown(served, headers, "2025/2", chiffres(12, voeuxConfirmes=1, propositions=1))


async def test_candidates_of_several_academies_of_the_same_number_are_apart(
    served: Serving, tell: Teller, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    headers = issuer.authorization(sub="01CHEF")
    await tell.candidatures(candidature("a", 1, voeu("2025/1")))
    await tell.candidatures(candidature("a", 1, voeu("2025/2"), academie="versailles"), academie="versailles")
    await tell.candidatures(gone("a", 2))
    await shown(served, headers, "2025/2", chiffres(12, voeuxConfirmes=1))
    await shown(served, headers, "2025/1", chiffres(30))


async def test_candidates_that_come_before_their_formation_are_in_its_draft_as_soon_as_there_is_one(
    served: Serving, tell: Teller, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    headers = issuer.authorization(sub="01CHEF")
    await tell.candidatures(candidature("a", 1, voeu("2025/9")))

    async def waited_for() -> bool:
        return await Reads(store).unknown_formations() == 1

    await eventually(waited_for, within=WITHIN_SECONDS)
    assert await draft_of(served, headers, "2025/9") is None
    await tell.formations(offre_pb2.Formation(id="2025/9", session=2025, uai=UAI, academie="creteil", capacite=8))
    await shown(served, headers, "2025/9", chiffres(8, voeuxConfirmes=1))
    assert await Reads(store).unknown_formations() == 0


async def test_who_may_not_read_the_report_reads_none_of_its_figures(
    served: Serving, tell: Teller, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    await grant(store, "01AUTRECHEF", role(Role.CHEF_ETABLISSEMENT, uai="0779001R"))
    await tell.candidatures(candidature("a", 1, voeu("2025/1")))
    await shown(served, issuer.authorization(sub="01CHEF"), "2025/1", chiffres(30, voeuxConfirmes=1))
    answer = await ask(served, issuer.authorization(sub="01AUTRECHEF"), "2025/1")
    assert answer["data"]["_entities"][0]["rapport"] is None
    assert answer["errors"][0]["extensions"]["code"] == "NON_AUTORISE"


async def test_a_projection_that_was_deleted_is_rebuilt_equal_though_a_candidate_left_meanwhile(
    store: Database, tell: Teller, settings: RapportsSettings
) -> None:
    states = [candidature(c, 1, voeu("2025/1"), voeu("2025/2", "ACCEPTE", propose=True)) for c in "abc"]
    await tell.candidatures(*states)
    await keep_candidatures(store, "creteil")(states)
    loop = recomputer(store)
    await eventually(loop.turn)
    await store.candidatures.drop()
    left = candidature("a", 2, voeu("2025/2", "ACCEPTE", propose=True))
    await tell.candidatures(left)
    # Nothing tells the handler any more that this one was a candidate to the first formation.
    await keep_candidatures(store, "creteil")([left])
    for subscription in rebuild.find(list(subscriptions(store, ACADEMIES)), "candidatures"):
        await rebuild.replay(
            subscription, bootstrap_servers=settings.kafka_bootstrap_servers, prefix=settings.prefixe_topics
        )
    while await store.marques_chiffres.count_documents({}):
        await eventually(loop.turn)
    rows = await store.chiffres.find({}, {"confirmes": 1, "acceptes": 1}).sort("_id", 1).to_list(None)
    assert rows == [{"_id": "2025/1", "confirmes": 2, "acceptes": 0}, {"_id": "2025/2", "confirmes": 3, "acceptes": 3}]


async def command(settings: RapportsSettings, *arguments: str) -> tuple[int, str]:
    """Run a command of the service as an operator would; its status and what it printed beside its logs."""
    names = ("mode", "mongodb_uri", "kafka_bootstrap_servers", "prefixe_topics", "prefixe_bases", "identity_url")
    env = {name.upper(): str(getattr(settings, name)) for name in (*names, "cles_services")}
    env |= {"ACADEMIES_TOPICS": ",".join(settings.academies_topics), "OTEL_TRACES_EXPORTER": "none"}
    result = await asyncio.to_thread(CliRunner(env=env).invoke, main, arguments)
    return result.exit_code, "\n".join(line for line in result.stdout.splitlines() if not line.startswith("{"))


async def test_an_operator_checks_the_figures_and_has_them_made_again(
    store: Database, tell: Teller, settings: RapportsSettings
) -> None:
    await tell.candidatures(candidature("a", 1, voeu("2025/1")), candidature("b", 1, voeu("2025/1")))
    assert await command(settings, "reconstruire", "candidatures") == (0, "candidatures: 2 events read")
    await eventually(recomputer(store).turn)
    said = "formations comptées : 1, écarts : {}, inconnues de l'offre : 1"
    assert await command(settings, "verifier") == (0, said.format(0))
    await store.chiffres.update_one({"_id": "2025/1"}, {"$set": {"confirmes": 3}})
    found = "2025/1 : confirmes 3, compté 2\n" + said.format(1)
    assert await command(settings, "verifier") == (1, found)
    await command(settings, "reconstruire", "candidatures")
    await eventually(recomputer(store).turn)
    assert await command(settings, "verifier") == (0, said.format(0))
