"""The offer from its file to its readers: loaded once, told once, and seen by those who may."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from generateur.offre import Offre, generate, write_lycees, write_offre
from kit.auth.service_tokens import create_keys
from kit.http import open_client
from kit.mongo import Database, Transactor
from kit.settings import Mode
from kit.testing.fixtures import CreateTopics
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving, free_port, serve
from services.offre.app import create_app, subscriptions
from services.offre.chargement import formations, lycees
from services.offre.settings import OffreSettings
from services.offre.store import Work
from services.offre.usecases import Bilan, load_formations, load_lycees
from socle.academies import academie_by_slug
from socle.rubriques import Role
from socle.testing.rights import end_session, grant, role

pytestmark = pytest.mark.stack


@pytest.fixture
def offre() -> Offre:
    return generate(academie_by_slug("creteil"), lycees=6, superieurs=2, formations=40, seed=7)


@pytest.fixture
def files(offre: Offre, tmp_path: Path) -> tuple[Path, Path]:
    write_offre(offre, tmp_path / "offre.csv")
    write_lycees(offre, tmp_path / "lycees.csv")
    return tmp_path / "offre.csv", tmp_path / "lycees.csv"


async def load(transact: Transactor[Work], files: tuple[Path, Path]) -> tuple[Bilan, Bilan, Bilan]:
    lecture = formations.read(files[0], session=2025)
    assert not lecture.rejets
    etablissements, loaded = await load_formations(transact, lecture.bonnes)
    return etablissements, loaded, await load_lycees(transact, lycees.read(files[1]).bonnes)


async def test_loading_again_changes_nothing_and_publishes_nothing(
    store: Database, transact: Transactor[Work], files: tuple[Path, Path]
) -> None:
    etablissements, loaded, found = await load(transact, files)
    assert loaded == Bilan(nouveaux=40)
    assert etablissements.nouveaux + found.nouveaux + found.modifies >= 8
    assert await store.outbox.count_documents({"topic": "offre.formations.v1"}) == 40
    await store.outbox.delete_many({})
    before = await store.formations.find({}).sort("_id", 1).to_list(None)
    again = await load(transact, files)
    assert all(bilan.nouveaux == bilan.modifies == 0 for bilan in again)
    assert await store.outbox.count_documents({}) == 0
    assert await store.formations.find({}).sort("_id", 1).to_list(None) == before


async def test_a_changed_row_changes_and_tells_that_formation_only(
    store: Database, transact: Transactor[Work], files: tuple[Path, Path]
) -> None:
    await load(transact, files)
    await store.outbox.delete_many({})
    text = files[0].read_text(encoding="utf-8").splitlines()
    fields = text[5].split(";")
    fields[9] = str(int(fields[9]) + 1)
    text[5] = ";".join(fields)
    files[0].write_text("\n".join(text), encoding="utf-8")
    _, loaded, _ = await load(transact, files)
    assert loaded == Bilan(modifies=1, inchanges=39)
    (row,) = await store.outbox.find({}).to_list(None)
    assert row["key"] == f"2025/{fields[10]}"


async def test_both_sides_of_an_establishment_are_kept_whatever_is_loaded_first(
    store: Database, transact: Transactor[Work], files: tuple[Path, Path]
) -> None:
    lecture = formations.read(files[0], session=2025)
    await load_lycees(transact, lycees.read(files[1]).bonnes)
    await load_formations(transact, lecture.bonnes)
    first = {d["_id"]: d for d in await store.etablissements.find({}).to_list(None)}
    assert any(d["origine"] and d["accueil"] for d in first.values())
    await load(transact, files)
    assert {d["_id"]: d for d in await store.etablissements.find({}).to_list(None)} == first


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.donnees_reelles
async def test_the_whole_national_offer_and_all_lycees_are_loaded(store: Database, transact: Transactor[Work]) -> None:
    folder = os.environ.get("DONNEES_REELLES")
    if folder is None:
        pytest.skip("DONNEES_REELLES is not set: the national files are not here")
    lecture = formations.read(Path(folder) / "offre/parcoursup_formations_2025.csv", session=2025)
    assert (len(lecture.bonnes), lecture.rejets) == (14_252, [])
    wrong = {a.ligne for a in lecture.avertissements if a.colonne == "cod_uai"}
    assert len({ligne.etablissement.uai for ligne in lecture.bonnes if ligne.numero in wrong}) == 18
    etablissements, loaded = await load_formations(transact, lecture.bonnes)
    assert (etablissements.nouveaux, loaded.nouveaux) == (4_058, 14_252)
    read = lycees.read(Path(folder) / "etablissements/fr-en-ips_lycees.csv")
    assert (len(read.bonnes), read.rejets, read.avertissements) == (3_697, [], [])
    assert await load_lycees(transact, read.bonnes) == Bilan(nouveaux=1_580, modifies=2_117)
    origines = [d["origine"] for d in await store.etablissements.find({"origine": {"$ne": None}}).to_list(None)]
    assert Counter(origine["secteur"] for origine in origines) == {"PUBLIC": 2_442, "PRIVE": 1_255}


@pytest.fixture
async def served(
    store: Database,
    mongodb_uri: str,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
    issuer: Issuer,
    create_topics: CreateTopics,
    tmp_path: Path,
) -> AsyncIterator[Serving]:
    await create_topics(["offre.etablissements.v1", "offre.formations.v1"])
    await create_topics([s.topic for s in subscriptions(store)])
    create_keys(tmp_path, ("offre",))
    port = free_port()
    settings = OffreSettings(
        mode=Mode.LOCAL,
        mongodb_uri=mongodb_uri,
        kafka_bootstrap_servers=kafka_bootstrap_servers,
        prefixe_topics=unique_prefix,
        prefixe_bases=f"{unique_prefix.rstrip('.')}_",
        identity_url=issuer.url,
        identity_grpc=f"127.0.0.1:{free_port()}",
        cles_services=tmp_path,
        offre_port=port,
    )
    async with serve(create_app(settings), port=port) as serving:
        yield serving


QUERY = """
query($uai: ID!, $after: String) {
  etablissement(uai: $uai) {
    uai nom academie { code nom } origine accueil
    formations(first: 2, after: $after) {
      totalCount pageInfo { hasNextPage endCursor }
      edges { node { id libelle capacite etablissement { uai } } }
    }
  }
}
"""
FORMATION = """
query($id: ID!) {
  formation(id: $id) { id session libelle type selective capacite apprentissage etablissement { uai } }
}
"""


async def ask(serving: Serving, headers: dict[str, str], query: str = QUERY, **variables: Any) -> httpx.Response:
    async with open_client(base_url=serving.url, headers=headers) as client:
        return await client.post("/graphql", json={"query": query, "variables": variables})


async def test_a_connected_account_reads_an_establishment_and_its_formations_page_by_page(
    served: Serving, issuer: Issuer, store: Database, transact: Transactor[Work], files: tuple[Path, Path], offre: Offre
) -> None:
    await load(transact, files)
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai="0779000P"))
    uai = offre.formations[0]["cod_uai"]
    expected = sorted(
        (row["lib_for_voe_ins"], f"2025/{row['cod_aff_form']}") for row in offre.formations if row["cod_uai"] == uai
    )
    seen: list[tuple[str, str]] = []
    after = None
    while True:
        answer = await ask(served, issuer.authorization(sub="01CHEF"), uai=uai, after=after)
        found = answer.json()["data"]["etablissement"]
        assert found["academie"] == {"code": "creteil", "nom": "Créteil"}
        page = found["formations"]
        assert page["totalCount"] == len(expected)
        assert all(edge["node"]["etablissement"] == {"uai": uai} for edge in page["edges"])
        seen += [(edge["node"]["libelle"], edge["node"]["id"]) for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == expected


async def test_an_unknown_establishment_is_absent(served: Serving, issuer: Issuer, store: Database) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai="0779000P"))
    answer = await ask(served, issuer.authorization(sub="01CHEF"), uai="0000000A")
    assert answer.json() == {"data": {"etablissement": None}}


async def test_a_connected_account_reads_a_formation_by_its_id_and_one_that_does_not_exist_is_absent(
    served: Serving, issuer: Issuer, store: Database, transact: Transactor[Work], files: tuple[Path, Path], offre: Offre
) -> None:
    await load(transact, files)
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai="0779000P"))
    headers = issuer.authorization(sub="01CHEF")
    row = next(row for row in offre.formations if row["fili"] == "BTS")
    id = f"2025/{row['cod_aff_form']}"
    assert (await ask(served, headers, FORMATION, id=id)).json()["data"]["formation"] == {
        "id": id,
        "session": 2025,
        "libelle": row["lib_for_voe_ins"],
        "type": "BTS",
        "selective": True,
        "capacite": int(row["capa_fin"]),
        "apprentissage": False,
        "etablissement": {"uai": row["cod_uai"]},
    }
    for absent in (f"2024/{row['cod_aff_form']}", "2025/inconnu", "x"):
        assert (await ask(served, headers, FORMATION, id=absent)).json() == {"data": {"formation": None}}
    nobody = (await ask(served, {}, FORMATION, id=id)).json()
    assert nobody["data"] == {"formation": None}
    assert nobody["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"


async def test_nobody_sees_the_offer_without_a_valid_token_of_an_active_account_in_a_living_session(
    served: Serving, issuer: Issuer, store: Database, transact: Transactor[Work], files: tuple[Path, Path], offre: Offre
) -> None:
    await load(transact, files)
    uai = offre.formations[0]["cod_uai"]
    await grant(store, "01INACTIF", role(Role.CHEF_ETABLISSEMENT, uai=uai), actif=False)
    await grant(store, "01PARTI", role(Role.CHEF_ETABLISSEMENT, uai=uai))
    await end_session(store, "01FINIE")
    cases: list[tuple[dict[str, str], int, str]] = [
        ({}, 200, "NON_AUTHENTIFIE"),
        (issuer.authorization(exp=1), 401, "NON_AUTHENTIFIE"),
        ({"authorization": f"Bearer {Issuer(issuer.port).token()}"}, 401, "NON_AUTHENTIFIE"),
        (issuer.authorization(sub="01INACTIF"), 200, "NON_AUTORISE"),
        (issuer.authorization(sub="01INCONNU"), 200, "NON_AUTORISE"),
        (issuer.authorization(sub="01PARTI", sid="01FINIE"), 401, "NON_AUTHENTIFIE"),
    ]
    answers = await asyncio.gather(*(ask(served, headers, uai=uai) for headers, _, _ in cases))
    for answer, (_, status, code) in zip(answers, cases, strict=True):
        assert answer.status_code == status
        assert answer.json()["errors"][0]["extensions"]["code"] == code
        assert "Lycée" not in answer.text
