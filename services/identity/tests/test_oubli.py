"""A forgotten password: a link to the mailbox, and never a word about who has an account."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from infra.local.connexion import ConnexionRefusee, Page
from kit.errors import Unauthenticated
from kit.http import open_client
from kit.testing.waiting import eventually
from services.identity.domain.audit import OPERATEUR, Acte
from services.identity.domain.facteurs import Facteur
from services.identity.domain.liens import LienInvalide, Usage
from services.identity.store.audit import AUDIT
from services.identity.store.envois import ENVOIS
from services.identity.store.liens import LIENS
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.tests.visites import link, mailed
from services.identity.usecases.comptes import NouveauCompte, create_compte, disable
from services.identity.usecases.connexion import check_password
from services.identity.usecases.en_cours import ConnexionExpiree
from services.identity.usecases.lectures import principal_of
from services.identity.usecases.mots_de_passe import ask_link, owner_of_password_link, reset_password
from services.identity.usecases.seconds_facteurs import send_code
from services.identity.usecases.tentatives import TropDeDemandes
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
AUTRE = "sept lanternes vertes au grenier"
SUJET = "Choisissez un nouveau mot de passe"
OUBLI, CHOIX = "/mot-de-passe-oublie", "/mot-de-passe"


@pytest.fixture
async def someone(identity: Identity) -> Titulaire:
    return await identity.account(GESTIONNAIRE)


async def ask(http: httpx.AsyncClient, courriel: str) -> httpx.Response:
    form = Page((await http.get(OUBLI)).text).form(OUBLI)
    assert form is not None
    return await http.post(OUBLI, data=form.champs | {"courriel": courriel})


@pytest.mark.exigence(
    "ASVS 6.4.3", "ASVS 7.4.3", "CNIL-2022-100 oubli", "CNIL-2022-100 information", "ANSSI recouvrement"
)
async def test_who_forgot_its_password_chooses_another_by_the_link_and_is_signed_out_everywhere(
    someone: Titulaire,
) -> None:
    identity = someone.identity
    signed_in = await someone.browser().sign_in()
    async with open_client(base_url=identity.url) as http:
        answer = await ask(http, f" {someone.personne.courriel.upper()} ")
        assert "Consultez votre messagerie" in answer.text
        lien = await link(someone, SUJET)
        for _ in range(2):
            # As a mail scanner does: nothing is used by reading.
            page = await http.get(CHOIX, params={"lien": lien})
            assert page.status_code == 200
        form = Page(page.text).form(CHOIX)
        assert form is not None
        for chosen, again, said in ((MOT_DE_PASSE, MOT_DE_PASSE, "déjà utilisé"), (AUTRE, AUTRE + "x", "diffèrent")):
            refused = await http.post(CHOIX, data=form.champs | {"mot_de_passe": chosen, "confirmation": again})
            assert (refused.status_code, said in refused.text) == (422, True)
        taken = await http.post(CHOIX, data=form.champs | {"mot_de_passe": AUTRE, "confirmation": AUTRE})
        assert "Votre mot de passe est changé" in taken.text
        assert (await http.get(CHOIX, params={"lien": lien})).status_code == 404
    with pytest.raises(Unauthenticated):
        await principal_of(identity.deps, await identity.verifier.verify(signed_in.access_token))
    with pytest.raises(ConnexionRefusee, match="ne convient pas"):
        await someone.browser().sign_in()
    asking = await check_password(identity.deps, someone.personne.courriel, AUTRE, demande="")
    with pytest.raises(ConnexionExpiree):
        await send_code(identity.deps, asking, Facteur.COURRIEL)
    jetons = await someone.browser(mot_de_passe=AUTRE).sign_in()
    assert (await identity.verifier.verify(jetons.access_token)).amr == ("pwd", "otp"), "the mailbox replaces no factor"
    # Once the password was shown with another factor, it is one like any other.
    await send_code(
        identity.deps,
        await check_password(identity.deps, someone.personne.courriel, AUTRE, demande=""),
        Facteur.COURRIEL,
    )
    assert await eventually(lambda: mailed(someone, "Votre mot de passe a été changé"))


@pytest.mark.exigence("CNIL-2022-100 oubli")
async def test_the_same_is_answered_and_written_whether_an_account_exists_or_not(identity: Identity) -> None:
    disabled = await identity.account(GESTIONNAIRE)
    await disable(identity.deps, disabled.compte.id, par=OPERATEUR)
    someone = await identity.account(GESTIONNAIRE)
    # Another test's message may have to wait for a moment that is far.
    of_others = await identity.deps.database[ENVOIS.name].distinct("_id")
    rows: set[tuple[int, int]] = set()
    pages: set[str] = set()
    async with open_client(base_url=identity.url) as http:
        for courriel in (someone.personne.courriel, disabled.personne.courriel, "nul.inconnu@ac-creteil.fr", "rien"):
            before = await written(identity)
            answer = await ask(http, courriel)
            after = await written(identity)
            rows.add((after[0] - before[0], after[1] - before[1]))
            pages.add(answer.text.replace(courriel, ""))
    assert len(pages) == 1
    assert {links for links, _ in rows} == {1}
    await link(someone, SUJET)

    async def all_left() -> bool:
        return await identity.deps.database[ENVOIS.name].count_documents({"_id": {"$nin": of_others}}) == 0

    await eventually(all_left)
    assert await mailed(disabled, SUJET) == []


async def written(identity: Identity) -> tuple[int, int]:
    database = identity.deps.database
    asked = {"acte": Acte.MOT_DE_PASSE_OUBLIE}
    return (
        await database[LIENS.name].count_documents({"usage": Usage.MOT_DE_PASSE}),
        await database[AUDIT.name].count_documents(asked),
    )


async def test_whoever_never_activated_its_account_is_sent_its_invitation_again(identity: Identity) -> None:
    nouveau = NouveauCompte(courriel="oubli.invitee@ac-creteil.fr", nom="Arnaud", prenom="Lise")
    compte = await create_compte(identity.deps, nouveau, par=OPERATEUR)
    await ask_link(identity.deps, nouveau.courriel)
    row = await identity.deps.database[LIENS.name].find_one({"compte": compte.id})
    assert row is not None
    assert row["usage"] == Usage.ACTIVATION
    with pytest.raises(LienInvalide):
        await owner_of_password_link(identity.deps, "inconnu")


@pytest.mark.exigence("ASVS 6.4.1")
async def test_one_link_used_by_many_at_once_changes_one_password(someone: Titulaire) -> None:
    deps = someone.identity.deps
    await ask_link(deps, someone.personne.courriel)
    lien = await link(someone, SUJET)
    chosen = [f"{AUTRE} numéro {rank}" for rank in range(5)]
    ends = await asyncio.gather(*(reset_password(deps, lien, one) for one in chosen), return_exceptions=True)
    assert [type(end) for end in ends].count(LienInvalide) == 4


async def test_a_link_ends_with_its_hour_with_the_account_and_with_the_next_link(someone: Titulaire) -> None:
    deps = someone.identity.deps
    await ask_link(deps, someone.personne.courriel)
    lien = await link(someone, SUJET)
    row = await deps.database[LIENS.name].find_one({"compte": someone.compte.id})
    assert row is not None
    assert timedelta(minutes=59) < row["expire_le"] - deps.clock() <= timedelta(hours=1)
    await ask_link(deps, someone.personne.courriel)
    with pytest.raises(LienInvalide):
        await reset_password(deps, lien, AUTRE)

    async def second() -> bool:
        return len(await mailed(someone, SUJET)) == 2

    await eventually(second)
    lien = await link(someone, SUJET)
    await disable(deps, someone.compte.id, par=OPERATEUR)
    with pytest.raises(LienInvalide):
        await reset_password(deps, lien, AUTRE)


async def test_three_links_an_hour_are_sent_to_an_address_with_an_account_or_without(someone: Titulaire) -> None:
    deps = someone.identity.deps
    for courriel in (someone.personne.courriel, "sans.aucun.compte@ac-creteil.fr"):
        for _ in range(3):
            await ask_link(deps, courriel)
        with pytest.raises(TropDeDemandes, match=r"^Trop de demandes ont été faites : recommencez à partir de"):
            await ask_link(deps, courriel)


async def test_a_form_from_elsewhere_asks_for_nothing(someone: Titulaire) -> None:
    async with open_client(base_url=someone.identity.url) as http:
        answer = await http.post(OUBLI, data={"courriel": someone.personne.courriel})
    assert answer.status_code == 422
    assert "Cette page n'est plus à jour" in Page(answer.text).refus
