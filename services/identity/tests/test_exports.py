"""The audit trail as a person reads it through GraphQL, and takes it away as a file."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from openpyxl import load_workbook

from kit.errors import Forbidden
from kit.http import open_client
from services.identity.domain.audit import Acte, Issue, Lieux, LigneAudit, Niveau, Recherche
from services.identity.domain.exports import LIGNES, ExportTropLong, Format, PeriodeInvalide, TropDExports, dated
from services.identity.store.audit import AUDIT
from services.identity.tableur import COLONNES, write_csv, write_xlsx
from services.identity.tests.conftest import Identity
from services.identity.tests.test_graphql import code, data, token
from services.identity.tests.test_journal import principal
from services.identity.usecases.audit import LigneLue
from services.identity.usecases.exports import fetch_export, request_export
from services.identity.usecases.jetons import end_famille
from socle.principal import Preuve, PreuveInsuffisante, Principal, RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

ICI, AILLEURS = "0940108H", "0940109J"
JOURNAL = """query($uai: ID, $compte: ID, $acte: ActeJournal, $first: Int! = 20, $after: String) {
  journal(uai: $uai, compte: $compte, acte: $acte, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { date acte nomActe issue motif acteurId acteur { nom } cibleId cible { nom } adresse academies
      detail { nom valeur } etablissements { uai } } } } }"""
EXPORTER = """mutation($entree: DemanderExportJournalInput!) {
  demanderExportJournal(entree: $entree) { export { url expireLe } refus { code champ } } }"""


def admin(uai: str = ICI) -> RoleTenu:
    return RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)


def gestionnaire(uai: str = ICI) -> RoleTenu:
    return RoleTenu(role=Role.GESTIONNAIRE, uai=uai)


async def get(url: str, access_token: str | None) -> httpx.Response:
    headers = {} if access_token is None else {"authorization": f"Bearer {access_token}"}
    async with open_client() as http:
        return await http.get(url, headers=headers)


async def test_who_is_above_reads_the_trail_by_pages_with_the_names_it_may_know(identity: Identity) -> None:
    local, user = await identity.account(admin(), nom="Locale"), await identity.account(gestionnaire(), nom="Dessous")
    await user.browser().sign_in()
    jeton = await token(local)
    found = (await data(identity, jeton, JOURNAL, uai=ICI, compte=user.compte.id))["journal"]
    signed, created = [edge["node"] for edge in found["edges"]]
    assert found["totalCount"] == 2
    assert (signed["acte"], signed["issue"], signed["motif"]) == ("CONNEXION", "FAITE", None)
    assert (signed["acteurId"], signed["acteur"]["nom"]) == (user.compte.id, "Dessous")
    assert (signed["cibleId"], signed["cible"]) == (None, None)
    assert signed["adresse"] == "127.0.0.1"
    assert signed["detail"] == [{"nom": "facteurs", "valeur": "pwd otp"}]
    assert signed["etablissements"] == [{"uai": ICI}]
    assert (created["acteurId"], created["acteur"], created["cible"]["nom"]) == ("operateur", None, "Dessous")

    first = (await data(identity, jeton, JOURNAL, compte=user.compte.id, first=1))["journal"]
    assert first["pageInfo"]["hasNextPage"]
    rest = (await data(identity, jeton, JOURNAL, compte=user.compte.id, after=first["pageInfo"]["endCursor"]))[
        "journal"
    ]
    assert [edge["node"]["acte"] for edge in rest["edges"]] == ["COMPTE_CREE"]
    mine = (await data(identity, jeton, JOURNAL, compte=local.compte.id, acte="AUDIT_LU"))["journal"]
    assert mine["totalCount"] == 3, "its readings are there too"


async def test_nobody_reads_what_is_not_below_or_without_a_session_or_by_a_moment_that_could_be_any(
    identity: Identity,
) -> None:
    user, neighbour = await identity.account(gestionnaire()), await identity.account(admin(AILLEURS))
    jeton = await token(neighbour)
    assert (await data(identity, jeton, JOURNAL, compte=user.compte.id))["journal"]["totalCount"] == 0
    assert await code(identity, None, JOURNAL) == "NON_AUTHENTIFIE"
    naive = '{ journal(depuis: "2025-01-15T08:00:00") { totalCount } }'
    assert await code(identity, jeton, naive) == "PERIODE_INVALIDE"


async def test_an_export_is_fetched_once_by_who_asked_for_it(identity: Identity) -> None:
    local, user = await identity.account(admin()), await identity.account(gestionnaire())
    jeton, other = await token(local), await token(user)
    asked = {"format": "CSV", "compte": user.compte.id}
    payload = (await data(identity, jeton, EXPORTER, entree=asked))["demanderExportJournal"]
    assert payload["refus"] == []
    url = payload["export"]["url"]
    assert datetime.fromisoformat(payload["export"]["expireLe"]) <= datetime.now(UTC) + timedelta(minutes=10)
    assert (await get(url, None)).status_code == 401
    assert (await get(url, other)).status_code == 404, "the address alone opens nothing"
    answer = await get(url, jeton)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="journal-')
    assert answer.headers["cache-control"] == "no-store"
    header, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    assert header == list(COLONNES)
    assert [row[1] for row in rows] == ["Connexion", "Compte créé"], "what was there when it was asked for"
    again = await get(url, jeton)
    assert (again.status_code, again.json()["code"]) == (404, "INTROUVABLE")
    written = (await data(identity, jeton, JOURNAL, compte=local.compte.id, acte="AUDIT_EXPORTE"))["journal"]
    assert written["totalCount"] == 1

    asked["format"] = "XLSX"
    url = (await data(identity, jeton, EXPORTER, entree=asked))["demanderExportJournal"]["export"]["url"]
    workbook = load_workbook(io.BytesIO((await get(url, jeton)).content))
    assert [row[1] for row in workbook.worksheets[0].values] == ["Acte", "Connexion", "Compte créé"]


async def test_an_export_is_of_the_rights_of_now_and_of_a_session_that_lives(identity: Identity) -> None:
    local = await identity.account(admin())
    jeton = await token(local)
    url = (await data(identity, jeton, EXPORTER, entree={"format": "CSV"}))["demanderExportJournal"]["export"]["url"]
    await end_famille(identity.deps, (await identity.verifier.verify(jeton)).sid, Acte.DECONNEXION)
    assert (await get(url, jeton)).status_code == 401


async def test_exports_that_wait_are_few_and_none_is_longer_than_a_file_may_be(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = proved(principal(await identity.account(admin())))
    for _ in range(5):
        held = await request_export(identity.deps, who, Recherche(compte=who.compte), Format.CSV)
    with pytest.raises(TropDExports):
        await request_export(identity.deps, who, Recherche(compte=who.compte), Format.CSV)
    await fetch_export(identity.deps, who, held.id)
    await request_export(identity.deps, who, Recherche(compte=who.compte), Format.CSV)
    monkeypatch.setattr("services.identity.usecases.exports.LIGNES", 0)
    with pytest.raises(ExportTropLong):
        await request_export(identity.deps, who, Recherche(compte=who.compte), Format.CSV)


def proved(who: Principal, *, ago: timedelta = timedelta()) -> Principal:
    return replace(who, preuve=Preuve(acr="2", amr=("pwd", "otp"), le=datetime.now(UTC) - ago))


async def test_an_export_asks_for_a_proof_of_the_last_ten_minutes(identity: Identity) -> None:
    who = principal(await identity.account(admin()))
    with pytest.raises(PreuveInsuffisante):
        await request_export(identity.deps, proved(who, ago=timedelta(minutes=11)), Recherche(), Format.CSV)
    with pytest.raises(Forbidden):
        await request_export(identity.deps, replace(who, actif=False), Recherche(), Format.CSV)
    written = identity.deps.database[AUDIT.name].find({"acteur": who.compte, "acte": Acte.AUDIT_EXPORTE}).sort("_id", 1)
    assert [row["motif"] async for row in written] == [PreuveInsuffisante.code, Forbidden.code]


def test_a_moment_without_offset_is_refused() -> None:
    assert dated(None, "depuis") is None
    with pytest.raises(PeriodeInvalide):
        dated(datetime(2025, 1, 15, 8, 0), "depuis")  # noqa: DTZ001 - what is refused


def test_a_workbook_can_hold_as_many_lines_as_an_export_may_have() -> None:
    assert LIGNES < 1_048_576


async def lines(motif: str, count: int = 1, acte: Acte | str = Acte.CONNEXION) -> AsyncIterator[LigneLue]:
    for n in range(count):
        yield LigneLue(
            LigneAudit(
                id=f"{n}",
                le=datetime(2025, 1, 15, 8, 0, tzinfo=UTC),
                acte=acte,
                issue=Issue.REFUSEE,
                niveau=Niveau.UTILISATEUR,
                motif=motif,
            ),
            None,
            Lieux(),
        )


@pytest.mark.parametrize("motif", ["=1+1", "+1", "-1", "@A1", "\tx", "\rx"])
async def test_no_cell_of_an_export_is_computed(motif: str) -> None:
    file, workbook = io.BytesIO(), io.BytesIO()
    assert await write_csv(lines(motif), file) == 1
    row = list(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline=""), delimiter=";"))[1]
    assert row[3] == f"'{motif}"
    assert await write_xlsx(lines(motif), workbook) == 1
    cell = load_workbook(workbook).worksheets[0]["D2"]
    assert cell.data_type == "s"


async def written_act(acte: Acte | str) -> str:
    file = io.BytesIO()
    await write_csv(lines("X", acte=acte), file)
    return list(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig")), delimiter=";"))[1][1]


@pytest.mark.parametrize("acte", Acte)
async def test_every_act_is_written_in_words(acte: Acte) -> None:
    assert await written_act(acte) not in Acte


async def test_an_act_that_only_a_newer_release_knows_is_written_by_its_name() -> None:
    assert await written_act("ACTE_A_VENIR") == "ACTE_A_VENIR"


async def test_every_line_is_written_once_however_many_there_are() -> None:
    file, workbook = io.BytesIO(), io.BytesIO()
    assert await write_csv(lines("X", 450), file) == 450
    assert await write_xlsx(lines("X", 450), workbook) == 450
    written = [row[-1] for row in csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig")), delimiter=";")][1:]
    assert written == [str(n) for n in range(450)]
    assert [row[-1] for row in load_workbook(workbook).worksheets[0].values][1:] == written
