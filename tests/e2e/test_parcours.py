"""From a SIECLE file to the head of school: every figure counted again from the files alone, by tests/e2e/recompte.py;
the trace of the upload; and nothing of a student where it should not be.
"""

import zipfile
from typing import Any

import pytest
from lxml import etree

from infra.local import demonstration
from kit.http import open_client
from kit.testing.waiting import eventually
from tests.e2e.affichage import (
    Comparaison,
    drafts,
    frontend,
    has_followed,
    read_figures,
    require_exact,
    require_no_small_rest,
    require_offer,
    require_students,
    series_of,
    show,
)
from tests.e2e.depots import Frontend
from tests.e2e.fichiers import Files, read_demonstration
from tests.e2e.recompte import Indicateurs
from tests.e2e.running import Up, path_to_root
from tests.e2e.sorties import collect, find_words

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

HEADS = {"chef": "creteil", "voisin": "creteil", "lointain": "rennes"}
"""Heads of three schools, with their académies."""


@pytest.fixture(scope="module")
async def files(up: Up) -> Files:
    """What it was fed with."""
    return await read_demonstration(up.folder / "demonstration")


@pytest.fixture(scope="module")
async def heads(up: Up, files: Files) -> dict[str, Frontend]:
    """The heads, signed in, by the UAI of their school."""
    return {uai: await frontend(up, court) for uai, court in zip(schools(files), HEADS, strict=True)}


@pytest.fixture(scope="module")
async def shown(up: Up, files: Files, heads: dict[str, Frontend]) -> dict[str, dict[str, Any]]:
    """What each head is shown of its school, once the last file is sent and everything has followed."""
    ici, *_ = files.lycees
    administrator = await frontend(up, "administrateur")
    packed = {path.name: path.read_bytes() for path in sorted(files.a_deposer.parent.iterdir())}
    assert (await administrator.ended(await administrator.deposit(ici, packed)))["etat"] == "TERMINE"
    expected = files.recount()

    async def followed() -> dict[str, dict[str, Any]] | None:
        found = await show(heads)
        return found if has_followed(found, expected) else None

    found = await eventually(followed, within=60)
    assert found is not None
    return found


def schools(files: Files) -> dict[str, str]:
    """The schools of the heads, with their académies."""
    first, second, *_ = demonstration.lycees_of(files.folder, "creteil")
    far, *_ = demonstration.lycees_of(files.folder, "rennes")
    return dict(zip((first, second, far), HEADS.values(), strict=True))


async def test_a_heads_own_figures_are_those_of_the_files_in_total_and_by_serie(
    files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    expected = files.recount()
    assert len(shown) == 3
    for uai, etablissement in shown.items():
        own = etablissement["indicateurs"]["etablissement"]
        require_exact(own, series_of(expected, "lycee", uai))
        assert own["ensemble"]["vivier"] == files.lycees[uai]
        assert own["candidaturesEnAttente"] == own["voeuxEnAttente"] == 0
        around = [etablissement["indicateurs"][place] for place in ("academie", "nation")]
        assert {(place["candidaturesEnAttente"], place["voeuxEnAttente"]) for place in around} == {(None, None)}


async def test_a_heads_students_are_those_of_the_files_by_class_and_by_serie(
    files: Files, heads: dict[str, Frontend], shown: dict[str, dict[str, Any]]
) -> None:
    expected = files.recount()
    for uai, etablissement in shown.items():
        assert len(expected.par_classe[uai]) > 1
        assert len(expected.par_serie[uai]) > 1
        await require_students(heads[uai], uai, etablissement, expected)


async def test_each_academies_and_the_nations_figures_are_those_of_the_files_where_they_are_shown(
    files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    expected = files.recount()
    academies, nation = Comparaison(), Comparaison()
    for uai, slug in schools(files).items():
        found, own = shown[uai]["indicateurs"], series_of(expected, "lycee", uai)
        academies.compare(found["academie"], series_of(expected, "academie", slug), connus=own)
        nation.compare(found["nation"], series_of(expected, "nation", ""), connus=own)
        require_no_small_rest(found["academie"], found["nation"])
    for compared in (academies, nation):
        assert compared.comptes > 30
        assert compared.taux > 20
        assert compared.caches > 0, "the demonstration has small groups"


async def test_no_academies_figures_are_the_other_ones_or_the_nations(
    files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    ici, _, far = schools(files)
    creteil, nation = (read_figures(shown[ici]["indicateurs"][place]["ensemble"]) for place in ("academie", "nation"))
    expected = files.recount()
    assert (creteil, nation) == (expected.academie("creteil"), expected.nation())
    rennes = expected.academie("rennes")
    for figure in Indicateurs.__slots__:
        assert getattr(creteil, figure) + getattr(rennes, figure) == getattr(nation, figure)
        assert len({getattr(place, figure) for place in (creteil, rennes, nation)}) == 3
    assert creteil.taux_participation != nation.taux_participation
    assert shown[ici]["indicateurs"]["nomAcademie"] == "Créteil"
    assert shown[far]["indicateurs"]["nomAcademie"] == "Rennes"


async def test_a_window_that_one_academie_was_given_opens_nothing_for_another(up: Up, files: Files) -> None:
    *_, far = schools(files)
    answer = await (await frontend(up, "lointain")).announce(far, {"eleves.zip": b"rien"})
    (refus,) = answer["data"]["demanderDepot"]["refus"]
    assert refus["code"] == "FENETRE_FERMEE"
    assert "02/02/2025" in refus["message"]


async def test_a_heads_formations_are_those_of_the_offer_and_each_drafts_figures_those_of_the_candidates_files(
    files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    expected = files.recount()
    for uai, etablissement in shown.items():
        require_offer(uai, etablissement, expected)
    found = [chiffres for etablissement in shown.values() for chiffres in drafts(etablissement).values()]
    assert len(found) > 10
    assert sum(chiffres["acceptes"] for chiffres in found) > 0


async def test_one_trace_goes_from_the_upload_through_the_outbox_and_kafka_to_the_projection_in_pilotage(
    up: Up, shown: dict[str, dict[str, Any]]
) -> None:
    assert shown
    wanted = [
        ("pilotage", "consume"),
        ("eleves", "outbox send"),
        ("eleves", "import siecle"),
        ("eleves", "put /depots/{fichier}"),
    ]

    async def found() -> bool:
        async with open_client(base_url=up.url("PORT_ZIPKIN"), timeout=20) as client:
            asked: dict[str, str | int] = {"serviceName": "pilotage", "spanName": "consume", "limit": 200}
            traces = (await client.get("/api/v2/traces", params=asked)).json()
        return any(wanted == path_to_root(trace, span)[1:] for trace in traces for span in trace)

    await eventually(found, within=30)


async def test_nothing_of_a_student_is_in_any_span_log_metric_or_beside_a_record_of_kafka(
    up: Up, files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    assert shown
    identifiers, names = students(files)
    assert len(identifiers) > 1500
    assert len(names) > 300
    texts = await collect(up)
    assert min(len(texts[name]) for name in ("spans", "eleves.log", "Kafka keys", "Kafka headers")) > 100
    for where, text in texts.items():
        held = text.casefold()
        assert not [identifier for identifier in identifiers if identifier in held], f"of a student, in {where}"
        assert not find_words(names, text), f"the name of a student, in {where}"


def students(files: Files) -> tuple[set[str], set[str]]:
    """What must not leave of the students: what is each one's own, to be found anywhere; and every family name and
    forename, as words. All are invented, and none of them is a word of what the platform says.
    """
    identifiers, names = set[str](), set[str]()
    for path in (*files.charges, files.a_deposer):
        with zipfile.ZipFile(path) as archive:
            root = etree.fromstring(archive.read(archive.namelist()[0]))
        for eleve in root.iter("ELEVE"):
            text = {child.tag: (child.text or "").casefold() for child in eleve}
            identifiers |= {text["INE_RNIE"], text["INE_BEA"], text["MEL"]}
            names |= {text[tag] for tag in ("NOM_DE_FAMILLE", "NOM_USAGE", "PRENOM", "PRENOM2", "PRENOM3")}
    return identifiers - {""}, names - {""}
