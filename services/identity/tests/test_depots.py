"""Inviting many from a file: announced, sent, then treated row by row with a report (issue 4, ADR 035)."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from ulid import ULID

from kit.errors import Forbidden, NotFound, Unauthenticated
from kit.http import open_client
from kit.mongo import Transactor
from kit.testing.waiting import eventually
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.depots import (
    OCTETS,
    ContenuInattendu,
    DepotInvalide,
    EtatDepot,
    IssueLigne,
    LigneTraitee,
    TropDeDepots,
    TropDInvites,
)
from services.identity.domain.sessions import Famille, Preuve
from services.identity.invitateur import Invitateur
from services.identity.store import restauration
from services.identity.store.effacement import search
from services.identity.store.work import Work
from services.identity.tests.classeurs import TITRES, csv_of, ods_of, xlsx_of
from services.identity.tests.conftest import Identity, Titulaire
from services.identity.tests.gestion import acts, done, letters, new_address, new_uai
from services.identity.tests.test_graphql import data, token
from services.identity.usecases import depots
from services.identity.usecases.comptes import disable, find_by_address
from services.identity.usecases.droits import change_compte
from services.identity.usecases.effacement import erase, erase_and_prove
from socle.principal import PreuveInsuffisante, Principal, RoleTenu
from socle.rubriques import Role, Rubrique

pytestmark = pytest.mark.stack

DEMANDER = """mutation($entree: DemanderDepotInvitationsInput!) {
  demanderDepotInvitations(entree: $entree) { depot { id url expireLe } refus { code champ } } }"""
SUIVRE = """query($id: ID!, $issue: IssueInvitation, $first: Int! = 20, $after: String) {
  depotInvitations(id: $id) { etat personnes restantes bilan { issue nombre } refus { code message champ }
    lignes(issue: $issue, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
      edges { node { ligne issue compte { nom etat } refus { code champ } } } } } }"""


def person(uai: str, courriel: str, role: str = "Gestionnaire", classes: str = "", profil: str = "") -> Sequence[str]:
    return (courriel, "Lacaze", "Noa", role, uai, classes, profil)


def administrator(uai: str) -> RoleTenu:
    return RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)


def announced(content: bytes) -> dict[str, object]:
    return {"taille": len(content), "sha256": hashlib.sha256(content).hexdigest()}


async def put(url: str, jeton: str | None, content: bytes) -> httpx.Response:
    headers = {} if jeton is None else {"authorization": f"Bearer {jeton}"}
    async with open_client() as http:
        return await http.put(url, content=content, headers=headers)


async def stream(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 1000):
        yield content[at : at + 1000]


async def signed_in(identity: Identity, who: Titulaire) -> Principal:
    """Who acts, in a session that is open."""
    principal, now = await acts(identity, who), identity.deps.clock()
    assert principal.preuve is not None
    famille = Famille(
        id=str(ULID()),
        session=str(ULID()),
        compte=principal.compte,
        client="site-web",
        scope="openid",
        preuve=Preuve(acr=principal.preuve.acr, amr=principal.preuve.amr, le=principal.preuve.le),
        expire_le=now + timedelta(hours=1),
    )

    async def body(work: Work) -> None:
        await work.familles.open(famille)

    await identity.deps.transact(body)
    return replace(principal, session=famille.id)


async def sent(identity: Identity, principal: Principal, content: bytes) -> str:
    """A file that was announced and sent."""
    depot = await depots.request_deposit(identity.deps, principal, **announced(content))  # type: ignore[arg-type]
    await depots.receive(identity.deps, principal, depot.id, stream(content))
    return depot.id


async def treated(identity: Identity) -> None:
    """Every row that waits is treated, as the loop does it."""
    await Invitateur(deps=identity.deps).pass_once()


async def report(identity: Identity, principal: Principal, id: str) -> list[LigneTraitee]:
    suivi = await depots.follow(identity.deps, principal, id)
    return list(await depots.report(identity.deps, suivi, issue=None, first=100, after=0))


async def test_a_list_is_sent_by_the_address_that_was_given_and_reported_row_by_row(identity: Identity) -> None:
    uai, elsewhere = await new_uai(identity), await new_uai(identity)
    who = await identity.account(administrator(uai))
    known = await identity.account(nom="Lacaze")
    await change_compte(identity.deps, known.compte.id, lambda compte: replace(compte, prenom="Noa"))
    first, second = new_address(), new_address()
    content = xlsx_of(
        [
            TITRES,
            person(uai, first, profil="Équipe de direction"),
            person(elsewhere, new_address()),
            person(uai, known.personne.courriel, "Adjoint"),
            person(uai, "ce.0940001A@ac-creteil.fr"),
            person(uai, second, "Professeur principal", "TG1, TG2"),
            person(uai, first, profil="DIRECTION"),
        ]
    )
    jeton = await token(who)
    asked = (await data(identity, jeton, DEMANDER, entree=announced(content)))["demanderDepotInvitations"]
    assert asked["refus"] == []
    url, id = asked["depot"]["url"], asked["depot"]["id"]
    assert (await put(url, None, content)).status_code == 401
    assert (await put(url, jeton, content[:-1] + b"x")).json()["code"] == "CONTENU_INATTENDU"
    answer = await put(url, jeton, content)
    assert (answer.status_code, answer.json()) == (202, {"depot": id, "etat": "EN_COURS"})
    assert (await put(url, jeton, content)).status_code == 404, "it has served"

    async def over() -> Any:
        found = (await data(identity, jeton, SUIVRE, id=id))["depotInvitations"]
        return found if found["etat"] == "TERMINE" else None

    found = await eventually(over)
    assert (found["personnes"], found["restantes"], found["refus"]) == (6, 0, None)
    nodes = [edge["node"] for edge in found["lignes"]["edges"]]
    assert [(node["ligne"], node["issue"], node["refus"] and node["refus"]["code"]) for node in nodes] == [
        (2, "INVITE", None),
        (3, "REFUSE", "NON_AUTORISE"),
        (4, "ROLE_DONNE", None),
        (5, "REFUSE", "COURRIEL_REFUSE"),
        (6, "INVITE", None),
        (7, "INCHANGE", None),
    ]
    assert nodes[0]["compte"] == {"nom": "Lacaze", "etat": "INVITE"}
    assert nodes[3]["refus"]["champ"] == "courriel"
    assert {one["issue"]: one["nombre"] for one in found["bilan"]} == {
        "INVITE": 2,
        "ROLE_DONNE": 1,
        "INCHANGE": 1,
        "REFUSE": 2,
    }
    page = (await data(identity, jeton, SUIVRE, id=id, issue="REFUSE", first=1))["depotInvitations"]["lignes"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (2, True)
    rest = await data(identity, jeton, SUIVRE, id=id, issue="REFUSE", after=page["pageInfo"]["endCursor"])
    assert [edge["node"]["ligne"] for edge in rest["depotInvitations"]["lignes"]["edges"]] == [5]

    (letter,) = await letters(identity, first)
    assert f"gestionnaire de l'établissement {uai}" in letter
    invited = await find_by_address(identity.deps, first)
    assert {droit.rubrique for droit in invited.droits} == {
        Rubrique.ELEVES,
        Rubrique.CANDIDATURES,
        Rubrique.PILOTAGE,
        Rubrique.RAPPORTS,
    }
    (role,) = (await find_by_address(identity.deps, second)).roles
    assert role.classes == {"TG1", "TG2"}
    assert await done(identity, invited.id) == ["COMPTE_CREE", "INVITATION_ENVOYEE"]
    assert await search(identity.deps.database, {first.upper(), "Lacaze\x00"}) == {}
    neighbour = await signed_in(identity, await identity.account(administrator(uai)))
    with pytest.raises(NotFound):
        await depots.follow(identity.deps, neighbour, id)


async def test_the_same_file_again_invites_nobody_twice(alone: Identity) -> None:
    uai = await new_uai(alone)
    who = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    content = csv_of([TITRES, person(uai, new_address()), person(uai, new_address(), "Adjoint")])
    first = await sent(alone, who, content)
    await treated(alone)
    links = await alone.deps.database.liens.count_documents({})
    second = await sent(alone, who, content)
    await treated(alone)
    assert [ligne.issue for ligne in await report(alone, who, first)] == [IssueLigne.INVITE] * 2
    assert [ligne.issue for ligne in await report(alone, who, second)] == [IssueLigne.INCHANGE] * 2
    assert await alone.deps.database.liens.count_documents({}) == links, "their links of before still serve"


async def test_a_right_taken_away_meanwhile_refuses_the_rows_that_are_left(alone: Identity) -> None:
    uai = await new_uai(alone)
    sender = await alone.account(administrator(uai), totp=False)
    who = await signed_in(alone, sender)
    id = await sent(alone, who, csv_of([TITRES, *(person(uai, new_address()) for _ in range(3))]))
    await depots.treat(alone.deps, (await depots.waiting(alone.deps))[0])
    await alone.account(administrator(uai), totp=False)
    await change_compte(alone.deps, sender.compte.id, lambda compte: compte.take_role(Role.ADMIN_ETABLISSEMENT))
    await depots.treat(alone.deps, (await depots.waiting(alone.deps))[0])
    with pytest.raises(Forbidden):
        await depots.follow(alone.deps, await acts(alone, sender), id)
    await alone.give_role(sender, administrator(uai))
    held = await acts(alone, sender)
    await disable(alone.deps, sender.compte.id, par=OPERATEUR)
    await treated(alone)
    lines = await report(alone, held, id)
    assert [ligne.issue for ligne in lines] == [IssueLigne.INVITE, IssueLigne.REFUSE, IssueLigne.REFUSE]
    assert [ligne.refus and ligne.refus.code for ligne in lines] == [None, "NON_AUTORISE", "NON_AUTORISE"]


class Killed(BaseException):
    """The process died here."""


@dataclass(slots=True)
class Dying:
    """Transactions of a process that dies before, or right after, one of them."""

    transact: Transactor[Work]
    left: int
    after: bool

    async def __call__[T](self, body: Callable[[Work], Awaitable[T]]) -> T:
        self.left -= 1
        if self.left < 0 and not self.after:
            raise Killed
        done = await self.transact(body)
        if self.left < 0:
            raise Killed
        return done


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_dies_at_work_leaves_a_list_that_is_gone_on_with_and_nobody_invited_twice(
    alone: Identity, *, after: bool
) -> None:
    uai = await new_uai(alone)
    who = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    addresses = [new_address() for _ in range(4)]
    id = await sent(alone, who, csv_of([TITRES, *(person(uai, address) for address in addresses)]))
    dying: Any = Dying(alone.deps.transact, 2, after)
    with pytest.raises(Killed):
        await Invitateur(deps=replace(alone.deps, transact=dying)).pass_once()
    await treated(alone)
    assert [ligne.issue for ligne in await report(alone, who, id)] == [IssueLigne.INVITE] * 4
    assert await alone.deps.database.envois.count_documents({}) == 4, "one letter each"
    assert len({(await find_by_address(alone.deps, address)).id for address in addresses}) == 4


async def test_two_processes_at_one_row_invite_once(alone: Identity) -> None:
    uai, address = await new_uai(alone), new_address()
    who = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    id = await sent(alone, who, csv_of([TITRES, person(uai, address)]))
    (ligne,) = await depots.waiting(alone.deps)
    await depots.treat(alone.deps, ligne)
    invited = await find_by_address(alone.deps, address)
    await change_compte(alone.deps, invited.id, lambda compte: compte.take_role(Role.GESTIONNAIRE))
    await depots.treat(alone.deps, ligne)
    assert (await find_by_address(alone.deps, address)).roles == (), "what was taken since is not given again"
    assert [ligne.issue for ligne in await report(alone, who, id)] == [IssueLigne.INVITE]
    assert await alone.deps.database.envois.count_documents({}) == 1


async def test_an_address_that_a_dead_process_claimed_is_tried_again_and_the_other_rows_go_on(alone: Identity) -> None:
    uai, taken = await new_uai(alone), new_address()
    who = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    deps = alone.deps
    key = deps.trousseau.empreinte("courriel", taken)
    claim = {"_id": key, "compte": str(ULID()), "etat": "PRIS", "pris_le": deps.clock()}
    await deps.database.courriels.insert_one(claim)
    id = await sent(alone, who, csv_of([TITRES, person(uai, taken), person(uai, new_address())]))
    await treated(alone)
    assert [ligne.issue for ligne in await report(alone, who, id)] == [None, IssueLigne.INVITE]
    assert (await depots.follow(deps, who, id)).etat is EtatDepot.EN_COURS
    await deps.database.courriels.delete_one({"_id": key})
    await Invitateur(deps=replace(deps, clock=lambda: alone.deps.clock() + timedelta(minutes=1))).pass_once()
    assert [ligne.issue for ligne in await report(alone, who, id)] == [IssueLigne.INVITE] * 2


async def test_a_file_that_is_no_list_is_refused_as_a_whole_and_invites_nobody(alone: Identity) -> None:
    uai = await new_uai(alone)
    who = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    for content, code in (
        (b"%PDF-1.7\x00", "FORMAT_INCONNU"),
        (ods_of([("Courriel", "Nom"), ("a@exemple.fr", "A")]), "COLONNES_REFUSEES"),
        (csv_of([TITRES]), "LISTE_VIDE"),
    ):
        suivi = await depots.follow(alone.deps, who, await sent(alone, who, content))
        assert suivi.depot.refus is not None
        assert (suivi.etat, suivi.depot.refus.code) == (EtatDepot.REFUSE, code)
    few = replace(alone.deps, invitations_par_fichier=1)
    long = replace(alone, deps=few)
    suivi = await depots.follow(few, who, await sent(long, who, csv_of([TITRES, person(uai, "a"), person(uai, "b")])))
    assert suivi.depot.refus is not None
    assert suivi.depot.refus.code == "TROP_DE_LIGNES"
    assert await alone.deps.database.lignes_invitations.count_documents({}) == 0


async def test_who_may_announce_what_and_how_much(alone: Identity) -> None:
    uai = await new_uai(alone)
    deps, sender = alone.deps, await alone.account(administrator(uai), totp=False)
    who = await signed_in(alone, sender)
    content = csv_of([TITRES, person(uai, new_address())])
    fine: dict[str, Any] = announced(content)
    with pytest.raises(Unauthenticated):
        await depots.request_deposit(deps, None, **fine)
    user = await alone.account(RoleTenu(role=Role.GESTIONNAIRE, uai=uai), totp=False)
    with pytest.raises(Forbidden):
        await depots.request_deposit(deps, await acts(alone, user), **fine)
    assert who.preuve is not None
    stale = replace(who, preuve=replace(who.preuve, le=deps.clock() - timedelta(minutes=11)))
    with pytest.raises(PreuveInsuffisante):
        await depots.request_deposit(deps, stale, **fine)
    for wrong in ({"taille": 0}, {"taille": OCTETS + 1}, {"sha256": "0"}):
        with pytest.raises(DepotInvalide):
            await depots.request_deposit(deps, who, **fine | wrong)

    depot = await depots.request_deposit(deps, who, **fine)
    other = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    with pytest.raises(NotFound):
        await depots.receive(deps, other, depot.id, stream(content))
    for wrong_content in (content + b"x", content[:-1], content.upper()):
        with pytest.raises(ContenuInattendu):
            await depots.receive(deps, who, depot.id, stream(wrong_content))
    with pytest.raises(TropDInvites):
        await depots.receive(replace(deps, invitations_par_jour=0), who, depot.id, stream(content))
    late = replace(deps, clock=lambda: alone.deps.clock() + timedelta(minutes=11))
    with pytest.raises(NotFound):
        await depots.receive(late, who, depot.id, stream(content))
    assert (await depots.follow(late, who, depot.id)).etat is EtatDepot.EXPIRE
    await depots.receive(deps, who, depot.id, stream(content))
    for _ in range(5):
        await depots.request_deposit(deps, who, **fine)
    with pytest.raises(TropDeDepots):
        await depots.request_deposit(deps, who, **fine)
    refused = [act for act in await done(alone, sender.compte.id) if act.startswith("LISTE_DEPOSEE")]
    assert refused == [
        "LISTE_DEPOSEE PREUVE_INSUFFISANTE",
        *["LISTE_DEPOSEE DEPOT_INVALIDE"] * 3,
        *["LISTE_DEPOSEE CONTENU_INATTENDU"] * 3,
        "LISTE_DEPOSEE TROP_D_INVITES",
        "LISTE_DEPOSEE INTROUVABLE",
        "LISTE_DEPOSEE",
        "LISTE_DEPOSEE TROP_DE_DEPOTS",
    ]


async def test_a_right_or_a_session_that_ends_while_a_file_comes_keeps_it_out(alone: Identity) -> None:
    uai = await new_uai(alone)
    deps, sender = alone.deps, await alone.account(administrator(uai), totp=False)
    who = await signed_in(alone, sender)
    content = csv_of([TITRES, person(uai, new_address())])
    depot = await depots.request_deposit(deps, who, **announced(content))  # type: ignore[arg-type]

    async def cut_short() -> AsyncIterator[bytes]:
        yield content
        await disable(deps, sender.compte.id, par=OPERATEUR)

    with pytest.raises(Unauthenticated):
        await depots.receive(deps, who, depot.id, cut_short())
    assert await deps.database.lignes_invitations.count_documents({}) == 0


@pytest.mark.exigence("CNIL-2025-019 duree")
async def test_nothing_is_left_of_an_erased_person_in_lists_treated_waiting_or_sent(alone: Identity) -> None:
    uai, treated_one, waiting_one = await new_uai(alone), new_address(), new_address()
    deps, sender = alone.deps, await alone.account(administrator(uai), totp=False)
    who = await signed_in(alone, sender)
    await sent(alone, who, csv_of([TITRES, person(uai, treated_one)]))
    assert await search(deps.database, {treated_one, "Lacaze"}) == {}, "a row that waits is sealed"
    await treated(alone)
    (row,) = await deps.database.lignes_invitations.find({}).to_list(None)
    assert (row["contenu"], row["empreinte"]) == (None, None), "a row that is treated forgets its person"
    invited = await find_by_address(deps, treated_one)
    waiting = await alone.account(nom="Lacaze")
    await sent(alone, who, csv_of([TITRES, person(uai, waiting.personne.courriel), person(uai, waiting_one)]))
    rows = deps.database.lignes_invitations
    assert await rows.count_documents({}) == 3
    assert (await erase_and_prove(deps, invited.id, par=OPERATEUR)).restes == {}
    assert (await erase_and_prove(deps, waiting.compte.id, par=OPERATEUR)).restes == {}
    assert await rows.count_documents({}) == 1, "whom a row names is forgotten, the other rows stay"
    await erase(deps, sender.compte.id, par=OPERATEUR)
    assert await rows.count_documents({}) == 0
    assert await deps.database.depots_invitations.count_documents({}) == 0


async def test_after_a_restoration_what_waited_invites_nobody_and_says_so(alone: Identity) -> None:
    uai = await new_uai(alone)
    deps = alone.deps
    who = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    content = csv_of([TITRES, person(uai, new_address()), person(uai, new_address())])
    id = await sent(alone, who, content)
    await depots.treat(deps, (await depots.waiting(deps))[0])
    awaited = await depots.request_deposit(deps, who, **announced(content))  # type: ignore[arg-type]
    await restauration.void_all(deps.database, le=deps.clock(), dernier_pas=0)
    await treated(alone)
    suivi = await depots.follow(deps, who, id)
    assert suivi.issues == {IssueLigne.INVITE: 1, IssueLigne.REFUSE: 1, None: 0}
    (refused,) = await depots.report(deps, suivi, issue=IssueLigne.REFUSE, first=10, after=0)
    assert refused.refus is not None
    assert refused.refus.code == "RESTAURATION"
    assert (await depots.follow(deps, who, awaited.id)).etat is EtatDepot.EXPIRE
    again = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    with pytest.raises(NotFound):
        await depots.receive(deps, replace(again, compte=who.compte), awaited.id, stream(content))


async def test_a_row_that_fails_for_a_reason_of_ours_keeps_no_other_from_being_treated(alone: Identity) -> None:
    uai = await new_uai(alone)
    who = await signed_in(alone, await alone.account(administrator(uai), totp=False))
    id = await sent(alone, who, csv_of([TITRES, person(uai, new_address()), person(uai, new_address())]))
    rows = alone.deps.database.lignes_invitations
    first, second = await rows.find({}).sort("_id", 1).to_list(None)
    # Sealed for another row: it opens for none.
    await rows.update_one({"_id": first["_id"]}, {"$set": {"contenu": second["contenu"]}})
    await treated(alone)
    lines = await report(alone, who, id)
    assert [ligne.issue for ligne in lines] == [IssueLigne.REFUSE, IssueLigne.INVITE]
    assert lines[0].refus is not None
    assert lines[0].refus.code == "ERREUR_INTERNE"


async def test_the_model_of_a_list_can_be_fetched_by_whoever_asks(identity: Identity) -> None:
    async with open_client() as http:
        for forme, kind in (("csv", "text/csv"), ("xlsx", "spreadsheetml")):
            answer = await http.get(f"{identity.url}/modeles/invitations.{forme}")
            assert answer.status_code == 200
            assert kind in answer.headers["content-type"]
        assert (await http.get(f"{identity.url}/modeles/invitations.exe")).status_code == 404
