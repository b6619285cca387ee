"""From the topics of the others to what a head of school is shown, through the service as it runs."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.consumer import rebuild
from kit.http import open_client
from kit.mongo import Database
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving
from kit.testing.waiting import eventually
from proto.identity.v1.habilitations_pb2 import Droit
from services.pilotage.consumers import subscriptions
from services.pilotage.settings import PilotageSettings
from services.pilotage.tests.told import (
    AUTRE_LYCEE,
    LYCEE,
    VERSAILLES,
    Teller,
    ask,
    candidature,
    eleve,
    figures,
    formation,
    gone,
    offre,
    shown,
)
from socle.rubriques import Role
from socle.testing.rights import grant, role

pytestmark = pytest.mark.stack

WITHIN_SECONDS = 10.0
NOTHING = (0, 0, 0, 0, 0, 0)
TROIS = (LYCEE, AUTRE_LYCEE, "0930003C")
"""Three lycées of one académie."""


@pytest.fixture
async def head(store: Database, issuer: Issuer) -> dict[str, str]:
    """The head of the lycée, signed in."""
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=LYCEE))
    return issuer.authorization(sub="01CHEF")


async def two_schools(tell: Teller) -> None:
    """Twelve students in the first, half of them without a wish; ten in the other, three without."""
    await tell.formations(offre())
    own = [f"a{n}" for n in range(12)]
    others = [f"b{n}" for n in range(10)]
    await tell.eleves(*(eleve(id) for id in own), *(eleve(id, uai=AUTRE_LYCEE) for id in others))
    await tell.candidatures(
        *(candidature(id, *(["l"] if n < 6 else [])) for n, id in enumerate(own)),
        *(candidature(id, *(["bts"] if n < 7 else []), uai=AUTRE_LYCEE) for n, id in enumerate(others)),
    )


async def counted(serving: Serving, headers: dict[str, str], *expected: int | None, uai: str = LYCEE) -> dict[str, Any]:
    """What is shown of a school, once its figures are these."""

    async def as_expected() -> dict[str, Any] | None:
        found = await shown(serving, headers, uai)
        return found if figures(found["etablissement"]) == expected else None

    found = await eventually(as_expected, within=WITHIN_SECONDS)
    assert found is not None
    return found


async def test_the_indicators_of_a_school_follow_the_events_within_seconds(
    served: Serving, tell: Teller, head: dict[str, str]
) -> None:
    before = await shown(served, head)
    assert figures(before["etablissement"]) == figures(before["nation"]) == NOTHING
    assert (before["etablissement"]["calculeLe"], before["etablissement"]["series"]) == (None, [])
    await tell.formations(offre())
    await tell.eleves(eleve("a"), eleve("b"), eleve("c", serie="PRO"), eleve("d", serie="PRO", present=False))
    await tell.candidatures(
        candidature("a", "l", "bts"), candidature("b", "pass"), candidature("c"), candidature("d", inscrit=False)
    )
    found = await counted(served, head, 3, 4, 3, 1, 2, 1)
    own = found["etablissement"]
    assert (figures(own, "GENERALE"), figures(own, "PRO")) == ((2, 2, 2, 0, 2, 1), (1, 2, 1, 1, 0, 0))
    assert (found["session"], found["nomAcademie"]) == (2025, "Créteil")
    ensemble = own["ensemble"]
    assert ensemble["tauxParticipation"] == 3 / 4
    assert ensemble["tauxSansVoeu"] == ensemble["tauxSeulementL1OuPass"] == 1 / 3
    assert (ensemble["tauxAuMoinsUnL1OuPass"], ensemble["secret"], ensemble["serie"]) == (2 / 3, False, None)
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(own["calculeLe"]) < timedelta(seconds=20)
    # Nobody else is in the académie or in the nation: what is left of them is nobody's secret.
    assert figures(found["academie"]) == figures(found["nation"]) == figures(own)
    await tell.candidatures(candidature("c", "l", n=2))
    later = await counted(served, head, 3, 4, 3, 0, 3, 2)
    assert later["etablissement"]["calculeLe"] > own["calculeLe"]


async def test_a_head_sees_its_own_small_groups_and_not_those_of_the_other_school(
    served: Serving, tell: Teller, head: dict[str, str]
) -> None:
    await two_schools(tell)
    found = await counted(served, head, 12, 12, 12, 6, 6, 6)

    async def both() -> bool:
        return figures((await shown(served, head))["academie"]) == (22, 22, 22, None, 6, 6)

    await eventually(both, within=WITHIN_SECONDS)
    found = await shown(served, head)
    academie = found["academie"]
    assert figures(academie, "GENERALE") == (22, 22, 22, None, 6, 6)
    assert (academie["ensemble"]["tauxSansVoeu"], academie["ensemble"]["tauxParticipation"]) == (None, 1)
    assert academie["ensemble"]["secret"] is True
    assert figures(found["nation"]) == figures(academie)


async def test_whoever_is_outside_the_school_sees_none_of_its_small_groups(
    served: Serving, tell: Teller, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=AUTRE_LYCEE))
    await grant(store, "01ACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="creteil"))
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))
    await grant(store, "01CIO", role(Role.DIRECTEUR_CIO, uai=AUTRE_LYCEE))
    await two_schools(tell)
    await counted(served, issuer.authorization(sub="01CHEF"), 10, 10, 10, 3, 0, 0, uai=AUTRE_LYCEE)
    for outside in ("01ACADEMIE", "01NATION", "01CIO"):
        found = await counted(served, issuer.authorization(sub=outside), 10, 10, 10, None, 0, 0, uai=AUTRE_LYCEE)
        assert figures(found["etablissement"], "GENERALE") == (10, 10, 10, None, 0, 0)
        assert found["etablissement"]["ensemble"]["tauxSansVoeu"] is None


async def test_what_waits_of_a_school_is_told_within_it_and_to_nobody_outside(
    served: Serving, tell: Teller, issuer: Issuer, store: Database, head: dict[str, str]
) -> None:
    await grant(store, "01ACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="creteil"))
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))
    await tell.eleves(eleve("a"))
    await tell.candidatures(candidature("a", "inconnue"), candidature("pas encore", "inconnue"))
    found = await counted(served, head, 1, 1, 1, 0, 0, 0)
    assert waiting(found["etablissement"]) == (1, 1)
    assert waiting(found["academie"]) == waiting(found["nation"]) == (None, None)
    for outside in ("01ACADEMIE", "01NATION"):
        found = await shown(served, issuer.authorization(sub=outside))
        assert {waiting(found[place]) for place in ("etablissement", "academie", "nation")} == {(None, None)}


def waiting(indicateurs: dict[str, Any]) -> tuple[int | None, int | None]:
    """How many candidatures and wishes are said to wait."""
    return indicateurs["candidaturesEnAttente"], indicateurs["voeuxEnAttente"]


async def test_the_pages_of_several_schools_and_the_sum_of_the_academie_do_not_tell_a_small_group_of_one(
    served: Serving, tell: Teller, issuer: Issuer, store: Database
) -> None:
    """10, 8 and 3 without a wish are 21 in the académie: whoever reads all three pages is told of two schools' none."""
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))
    await grant(store, "01CIO", *(role(Role.DIRECTEUR_CIO, uai=uai) for uai in TROIS))
    await grant(store, "01CHEFCIO", role(Role.CHEF_ETABLISSEMENT, uai=TROIS[1]), role(Role.DIRECTEUR_CIO, uai=TROIS[2]))
    await tell.formations(offre())
    for uai, without in zip(TROIS, (10, 8, 3), strict=True):
        students = [(f"{uai}{serie}{n}", serie, n) for serie in ("STHR", "PRO") for n in range(40)]
        await tell.eleves(*(eleve(id, uai=uai, serie=serie) for id, serie, _ in students))
        some = {"STHR": without, "PRO": 12}
        await tell.candidatures(
            *(candidature(id, *(["bts"] if n >= some[serie] else []), uai=uai) for id, serie, n in students)
        )
    nation = issuer.authorization(sub="01NATION")

    async def followed() -> bool:
        found = await shown(served, nation, TROIS[0])
        # Both séries: what is hidden of one depends on the other, by the total.
        return len(found["nation"]["series"]) == 2 and [
            figures(found["academie"], serie) for serie in ("STHR", "PRO")
        ] == [(120, 120, 120, 21, 0, 0), (120, 120, 120, 36, 0, 0)]

    await eventually(followed, within=3 * WITHIN_SECONDS)
    for outside in ("01NATION", "01CIO"):
        pages = {uai: await shown(served, issuer.authorization(sub=outside), uai) for uai in TROIS}
        told = [figures(page["etablissement"], "STHR")[3] for page in pages.values()]
        assert told == [10, None, None]
        assert {figures(page["academie"], "STHR")[3] for page in pages.values()} == {21}
    both = issuer.authorization(sub="01CHEFCIO")
    own, other = await shown(served, both, TROIS[1]), await shown(served, both, TROIS[2])
    assert figures(own["etablissement"], "STHR")[3] == 8
    assert figures(other["etablissement"], "STHR")[3] is None
    for page in (own, other):
        # It knows one of the two that the académie's sum is hidden with, and may read the page of the other.
        assert [
            figures(page[place], serie)[3] for place in ("academie", "nation") for serie in ("STHR", "PRO", None)
        ] == [None] * 6
        assert figures(page["academie"], "STHR")[2] == 120


async def test_only_who_holds_the_right_sees_indicators(
    served: Serving, tell: Teller, issuer: Issuer, store: Database, head: dict[str, str]
) -> None:
    await tell.eleves(eleve("a"))
    await counted(served, head, 1, 1, 0, 0, 0, 0)
    reading = Droit(uai=LYCEE, rubrique="PILOTAGE", niveau="LECTURE")
    elsewhere = Droit(uai=LYCEE, rubrique="SIECLE", niveau="ECRITURE")
    await grant(store, "01GESTIONNAIRE", droits=(reading,))
    await grant(store, "01PROFESSEUR", role(Role.PROFESSEUR_PRINCIPAL, uai=LYCEE))
    await grant(store, "01AUTRECHEF", role(Role.CHEF_ETABLISSEMENT, uai=AUTRE_LYCEE))
    await grant(store, "01AUTREACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="versailles"))
    await grant(store, "01SANSDROIT", droits=(elsewhere,))
    await grant(store, "01DESACTIVE", role(Role.CHEF_ETABLISSEMENT, uai=LYCEE), actif=False)
    for compte in ("01GESTIONNAIRE", "01PROFESSEUR"):
        assert figures((await shown(served, issuer.authorization(sub=compte)))["etablissement"])[0] == 1
    for compte in ("01AUTRECHEF", "01AUTREACADEMIE", "01SANSDROIT", "01DESACTIVE", "01INCONNU"):
        answer = await ask(served, issuer.authorization(sub=compte))
        assert answer["data"]["_entities"][0]["indicateurs"] is None
        assert answer["errors"][0]["extensions"]["code"] == "NON_AUTORISE"
    for uai in (LYCEE, "0779999Z"):
        answer = await ask(served, {}, uai)
        assert answer["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"
    async with open_client(base_url=served.url) as client:
        by_name = {"query": f'{{ indicateurs(uai: "{LYCEE}") {{ etablissement {{ ensemble {{ vivier }} }} }} }}'}
        found = (await client.post("/graphql", json=by_name, headers=head)).json()
        assert found["data"]["indicateurs"]["etablissement"]["ensemble"]["vivier"] == 1
        refused = (await client.post("/graphql", json=by_name)).json()
        assert refused["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"
    other = (await ask(served, head, session=2024))["data"]["_entities"][0]["indicateurs"]
    assert (other["session"], figures(other["etablissement"])) == (2024, NOTHING)


async def test_a_student_who_moves_and_a_formation_told_late_are_counted_where_they_belong(
    served: Serving, tell: Teller, issuer: Issuer, store: Database, head: dict[str, str]
) -> None:
    await grant(store, "01AUTRE", role(Role.CHEF_ETABLISSEMENT, uai=VERSAILLES))
    other = issuer.authorization(sub="01AUTRE")
    await tell.candidatures(candidature("a", "l"), candidature("b", "bts"), candidature("b", "l", n=2))
    await tell.eleves(eleve("a"), eleve("b"))
    waiting = await counted(served, head, 2, 2, 2, 0, 0, 0)
    assert (waiting["etablissement"]["voeuxEnAttente"], waiting["etablissement"]["candidaturesEnAttente"]) == (2, 0)
    await tell.formations([formation("l", "L")])
    assert (await counted(served, head, 2, 2, 2, 0, 2, 2))["etablissement"]["voeuxEnAttente"] == 0
    await tell.eleves(eleve("a", 3, uai=VERSAILLES, academie="versailles"), academie="versailles")
    await counted(served, other, 1, 1, 1, 0, 1, 1, uai=VERSAILLES)
    await tell.eleves(eleve("a", 2, present=False, initial=False))
    await tell.candidatures(candidature("a", n=3, uai=VERSAILLES), academie="versailles")
    await tell.candidatures(gone("a", 2))
    moved = await counted(served, other, 1, 1, 1, 1, 0, 0, uai=VERSAILLES)
    assert moved["nomAcademie"] == "Versailles"
    left = await counted(served, head, 1, 1, 1, 0, 1, 1)
    assert left["etablissement"]["candidaturesEnAttente"] == 0


async def command(settings: PilotageSettings, *arguments: str) -> tuple[int | None, str]:
    """Run a command of the service as an operator would; its status and what it printed."""
    names = ("mode", "mongodb_uri", "kafka_bootstrap_servers", "prefixe_topics", "prefixe_bases", "identity_url")
    env = {name.upper(): str(getattr(settings, name)) for name in (*names, "cles_services")}
    env |= {"ACADEMIES_TOPICS": ",".join(settings.academies_topics), "OTEL_TRACES_EXPORTER": "none"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.pilotage", *arguments),
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def rows(store: Database, *collections: str) -> list[list[dict[str, Any]]]:
    """All there is in each, but for the date of the count."""
    return [await store[name].find({}, {"calcule_le": 0}).sort("_id", 1).to_list(None) for name in collections]


@pytest.mark.usefixtures("served")
async def test_projections_that_were_deleted_are_rebuilt_equal_and_a_changed_result_is_found(
    store: Database, tell: Teller, settings: PilotageSettings
) -> None:
    await two_schools(tell)
    await tell.eleves(eleve("z", 2, uai=VERSAILLES), academie="versailles")
    await tell.eleves(eleve("z", 1, present=False, initial=False))

    async def settled() -> bool:
        marked = await store.marques.count_documents({}) + await store.marques_formations.count_documents({})
        nation = await store.resultats.find_one({"_id": "2025/nation"}) or {"series": {}}
        return not marked and nation["series"].get("GENERALE", {}).get("inscrits") == 22

    await eventually(settled, within=2 * WITHIN_SECONDS)
    names = ("eleves", "candidatures", "formations", "resultats")
    before = await rows(store, *names)
    assert [len(found) for found in before] == [23, 22, 5, 6]
    assert await command(settings, "verifier") == (0, "indicateurs : 3 établissements comptés, 0 écarts\n")
    for name in names:
        await store[name].delete_many({})
    for subscription in subscriptions(store, settings.academies_topics):
        if subscription.projection in names:
            await rebuild.replay(
                subscription, bootstrap_servers=settings.kafka_bootstrap_servers, prefix=settings.prefixe_topics
            )
    await eventually(settled, within=2 * WITHIN_SECONDS)
    assert await rows(store, *names) == before
    await store.resultats.update_one({"_id": f"2025/{LYCEE}"}, {"$inc": {"series.GENERALE.inscrits": 1}})
    status, said = await command(settings, "verifier")
    assert status == 1
    assert f"2025/{LYCEE} GENERALE : inscrits 13, compté 12" in said
    assert await command(settings, "reconstruire", "formations") == (0, "formations: 5 events read\n")
    await eventually(settled, within=2 * WITHIN_SECONDS)
    assert (await command(settings, "verifier"))[0] == 0
