"""Passkeys: what holds and what does not, how they count, and what their counter betrays (ADR 033)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, override

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from infra.local.connexion import Page
from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain.audit import OPERATEUR, Acte, Issue
from services.identity.domain.cles_d_acces import Cle, CleInconnue, NomDeCleRefuse, TropDeCles, is_clone, name_key
from services.identity.domain.facteurs import Etape, Facteur, MoyenIndispensable
from services.identity.mfa.cles_d_acces import (
    CleInvalide,
    Site,
    ask_creation,
    ask_gesture,
    key_id,
    new_challenge,
    read_challenge,
    read_key,
    verify_creation,
    verify_gesture,
)
from services.identity.oidc.clients import load_clients
from services.identity.oidc.serveur import Serveur
from services.identity.pages.routes import open_rendu
from services.identity.pages.routes import routes as pages
from services.identity.store.audit import AUDIT
from services.identity.store.cles_d_acces import list_cles
from services.identity.store.connexions import DUREE, Connexion
from services.identity.store.facteurs import FACTEURS
from services.identity.tests.authentificateur import Authentificateur
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.tests.visites import link, open_directly
from services.identity.usecases.applications import remove_application
from services.identity.usecases.cles_d_acces import (
    CleCopiee,
    CleRefusee,
    add_key,
    ask_any_key,
    ask_key,
    propose_first_key,
    propose_key,
    remove_key,
    rename_key,
    show_key,
    show_key_alone,
)
from services.identity.usecases.comptes import disable
from services.identity.usecases.en_cours import ConnexionExpiree, EnCours, find_in_progress
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.mots_de_passe import AncienMotDePasseRefuse, ask_link, reset_password
from services.identity.usecases.renouvellement import renew_password
from socle.principal import RoleTenu
from socle.rubriques import Role
from socle.testing.calendriers import publish_shipped

SITE = Site(hote="localhost", origine="http://localhost:4001")
GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
ADMINISTRATEUR = RoleTenu(role=Role.ADMIN_NATIONAL)


@pytest.mark.parametrize(
    ("compteur", "dernier", "copied"),
    [(0, 0, False), (1, 0, False), (8, 7, False), (7, 7, True), (6, 7, True), (0, 7, True)],
)
def test_a_counter_that_has_not_grown_betrays_a_copy(compteur: int, dernier: int, *, copied: bool) -> None:
    assert is_clone(compteur, dernier) is copied


@pytest.mark.parametrize("nom", ["", "   ", "x" * 41, "clé\nBcc: x", "clé\u2028"])
def test_a_name_of_a_key_is_one_short_line(nom: str) -> None:
    with pytest.raises(NomDeCleRefuse):
        name_key(nom)
    assert name_key("  Clé   du bureau ") == "Clé du bureau"


def made(authenticator: Authentificateur, challenge: bytes) -> str:
    options = ask_creation(SITE, challenge, compte="01COMPTE", courriel="a.b@ac-creteil.fr", cles=[])
    return authenticator.create(options)


def kept(authenticator: Authentificateur, challenge: bytes) -> Cle:
    created = verify_creation(SITE, made(authenticator, challenge), challenge)
    return Cle(
        id=key_id(created.identifiant),
        compte="01COMPTE",
        identifiant=created.identifiant,
        publique=created.publique,
        compteur=created.compteur,
        transports=created.transports,
        modele=created.modele,
        nom="Clé",
        cree_le=None,  # type: ignore[arg-type] # not read here
    )


@pytest.mark.parametrize(
    "other",
    [
        Authentificateur(hote="ailleurs.test"),
        Authentificateur(origine="https://localhost:4001"),
        Authentificateur(origine="http://localhost:4001.ailleurs.test"),
    ],
)
def test_a_key_of_another_site_does_not_hold(other: Authentificateur) -> None:
    challenge = new_challenge()
    with pytest.raises(CleInvalide):
        verify_creation(SITE, made(other, challenge), challenge)


def test_a_gesture_holds_for_its_own_challenge_site_and_kind_alone() -> None:
    authenticator, challenge = Authentificateur(), new_challenge()
    cle = kept(authenticator, challenge)
    options = ask_gesture(SITE, challenge, [cle])
    assert verify_gesture(SITE, authenticator.show(options), challenge, cle, verifie=True).verifie
    forged = [
        (authenticator.show(options), new_challenge()),
        (authenticator.show(options, origin="http://localhost:4002"), challenge),
        (authenticator.show(options, type="webauthn.create"), challenge),
        (replace(authenticator, hote="ailleurs.test").show(options), challenge),
        (Authentificateur(identifiant=authenticator.identifiant).show(options), challenge),
        (replace(authenticator, verifie=False).show(options), challenge),
    ]
    for answer, expected in forged:
        with pytest.raises(CleInvalide):
            verify_gesture(SITE, answer, expected, cle, verifie=True)


_GARDEE = kept(Authentificateur(), b"c" * 32)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda parts: st.lists(parts, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "authenticatorData", "attestationObject",
                         "signature", "userHandle", "transports", "challenge"]),
        parts,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)  # what is forged costs little; the machine may be busy
@given(_JSON.map(json.dumps) | st.text(max_size=200))
def test_whatever_is_sent_in_place_of_a_key_is_refused_and_nothing_else_happens(answer: str) -> None:
    cle, challenge = _GARDEE, b"c" * 32
    attempts: list[Callable[[], object]] = [
        lambda: read_challenge(answer),
        lambda: read_key(answer),
        lambda: verify_creation(SITE, answer, challenge),
        lambda: verify_gesture(SITE, answer, challenge, cle, verifie=False),
    ]
    for attempt in attempts[2:]:
        with pytest.raises(CleInvalide):
            attempt()
    for attempt in attempts[:2]:
        try:
            attempt()
        except CleInvalide:
            continue


@dataclass(frozen=True, slots=True)
class Porteur:
    """A person signed in, over a provider that has a name; and its key."""

    deps: Deps
    who: Titulaire
    connecte: Connecte
    cle: Authentificateur

    async def enrol(self, nom: str = "Clé du bureau") -> "Porteur":
        answer = self.cle.create(await propose_key(self.deps, self.connecte))
        await add_key(self.deps, self.connecte, answer, nom)
        return self

    async def after_password(self) -> str:
        """A sign-in in progress."""
        secret = new_secret()
        expires = self.deps.clock() + DUREE
        await self.deps.connexions.open(
            Connexion(condensat=condensat(secret), compte=self.who.compte.id, demande="", expire_le=expires)
        )
        return secret

    async def show(self, secret: str) -> EnCours:
        _, options = await ask_key(self.deps, secret)
        return await show_key(self.deps, secret, self.cle.show(options))

    async def refusals(self) -> list[str]:
        rows = self.deps.database[AUDIT.name].find({"cible": self.who.compte.id, "issue": "REFUSEE"})
        return [row["motif"] for row in await rows.to_list(None)]


type Bearer = Callable[..., Awaitable[Porteur]]


@pytest.fixture
def bearer(identity: Identity) -> Bearer:
    async def make(role: RoleTenu = GESTIONNAIRE, **changed: Any) -> Porteur:
        who = await identity.account(role)
        deps = replace(identity.deps, site=SITE)
        return Porteur(deps, who, await open_directly(who), Authentificateur(**changed))

    return make


@pytest.mark.exigence("ANSSI possession", "CNIL-2025-019 biometrie", "CNIL-2025-019 choix")
@pytest.mark.stack
async def test_after_the_password_a_key_that_checks_its_owner_is_an_administrator_s_two_other_factors(
    bearer: Bearer,
) -> None:
    administrator = await (await bearer(ADMINISTRATEUR)).enrol()
    shown = await administrator.show(await administrator.after_password())
    assert shown.etape is Etape.TERMINEE
    assert shown.parcours.faits == {Facteur.MOT_DE_PASSE, Facteur.CLE, Facteur.VERIFICATION}


@pytest.mark.stack
async def test_a_bare_key_is_one_factor_and_an_administrator_shows_another(bearer: Bearer) -> None:
    administrator = await (await bearer(ADMINISTRATEUR, verifie=False)).enrol()
    shown = await administrator.show(await administrator.after_password())
    assert shown.etape is Etape.MOYEN
    assert Facteur.CLE not in shown.parcours.moyens
    someone = await (await bearer(verifie=False)).enrol()
    assert (await someone.show(await someone.after_password())).etape is Etape.TERMINEE


@pytest.mark.stack
@pytest.mark.parametrize(("role", "etape"), [(GESTIONNAIRE, Etape.TERMINEE), (ADMINISTRATEUR, Etape.MOYEN)])
async def test_alone_a_key_that_checks_its_owner_is_two_factors(bearer: Bearer, role: RoleTenu, etape: Etape) -> None:
    someone = await (await bearer(role)).enrol()
    visite = new_secret()
    answer = someone.cle.show(await ask_any_key(someone.deps, visite), compte=someone.who.compte.id)
    secret = await show_key_alone(someone.deps, visite, answer, demande="suite=compte")
    assert (await find_in_progress(someone.deps, secret)).etape is etape


@pytest.mark.stack
async def test_alone_a_key_renews_the_password_of_before_the_session_by_showing_it_or_by_a_mailed_link(
    bearer: Bearer,
) -> None:
    someone = await (await bearer()).enrol()
    await publish_shipped(someone.deps.database, 2025)
    before = {"mot_de_passe_choisi_le": datetime(2024, 11, 1, tzinfo=UTC)}
    await someone.deps.database[FACTEURS.name].update_one({"_id": someone.who.compte.id}, {"$set": before})

    async def alone() -> str:
        visite = new_secret()
        answer = someone.cle.show(await ask_any_key(someone.deps, visite), compte=someone.who.compte.id)
        return await show_key_alone(someone.deps, visite, answer, demande="")

    secret, other = await alone(), await alone()
    assert (await find_in_progress(someone.deps, secret)).etape is Etape.MOT_DE_PASSE
    nouveau = "tramway orange derrière la colline"
    for ancien in ("", nouveau):
        with pytest.raises(AncienMotDePasseRefuse):
            await renew_password(someone.deps, secret, nouveau, ancien=ancien)
    done = await renew_password(someone.deps, secret, nouveau, ancien=MOT_DE_PASSE)
    assert done.etape is Etape.TERMINEE
    with pytest.raises(ConnexionExpiree):
        await find_in_progress(someone.deps, other)
    # Who forgot it: the link is as good, and the next sign-in asks for nothing more.
    await someone.deps.database[FACTEURS.name].update_one({"_id": someone.who.compte.id}, {"$set": before})
    assert (await find_in_progress(someone.deps, await alone())).etape is Etape.MOT_DE_PASSE
    await ask_link(someone.deps, someone.who.personne.courriel)
    lien = await link(someone.who, "Choisissez un nouveau mot de passe")
    await reset_password(someone.deps, lien, "sept lanternes vertes au grenier")
    assert (await find_in_progress(someone.deps, await alone())).etape is Etape.TERMINEE


@pytest.mark.stack
async def test_alone_a_key_counts_only_where_it_checked_its_owner_and_the_account_is_active(bearer: Bearer) -> None:
    bare = await (await bearer(verifie=False)).enrol()
    visite = new_secret()
    for owner in (bare.who.compte.id, None):
        with pytest.raises(CleRefusee):
            answer = bare.cle.show(await ask_any_key(bare.deps, visite), compte=owner)
            await show_key_alone(bare.deps, visite, answer, demande="")
    disabled = await (await bearer()).enrol()
    await disable(disabled.deps, disabled.who.compte.id, par=OPERATEUR)
    with pytest.raises(CleRefusee):
        answer = disabled.cle.show(await ask_any_key(disabled.deps, visite))
        await show_key_alone(disabled.deps, visite, answer, demande="")


@pytest.mark.exigence("ASVS 6.6.2")
@pytest.mark.stack
async def test_a_challenge_serves_once_and_in_the_sign_in_that_asked_it(bearer: Bearer) -> None:
    someone = await (await bearer()).enrol()
    one, other = await someone.after_password(), await someone.after_password()
    _, options = await ask_key(someone.deps, one)
    await ask_key(someone.deps, other)
    answer = someone.cle.show(options)
    with pytest.raises(CleRefusee):
        await show_key(someone.deps, other, answer)
    visite = new_secret()
    await ask_any_key(someone.deps, visite)
    with pytest.raises(CleRefusee):
        await show_key_alone(someone.deps, visite, answer, demande="")
    ends = await asyncio.gather(*(show_key(someone.deps, one, answer) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(end, EnCours) for end in ends) == 1
    assert all(isinstance(end, (EnCours, CleRefusee, ConnexionExpiree)) for end in ends), ends


@pytest.mark.exigence("ANSSI possession")
@pytest.mark.stack
async def test_a_copied_key_is_refused_and_written(bearer: Bearer) -> None:
    someone = await (await bearer()).enrol()
    copy = replace(someone, cle=replace(someone.cle))
    for _ in range(2):
        await someone.show(await someone.after_password())
    with pytest.raises(CleCopiee):
        await copy.show(await copy.after_password())
    assert await someone.refusals() == [CleCopiee.code]
    await someone.show(await someone.after_password())


@pytest.mark.stack
async def test_another_account_s_key_is_no_key(bearer: Bearer) -> None:
    someone, stranger = await (await bearer()).enrol(), await (await bearer()).enrol()
    with pytest.raises(CleRefusee):
        await replace(someone, cle=stranger.cle).show(await someone.after_password())
    again = replace(someone, cle=stranger.cle)
    with pytest.raises(CleRefusee):
        await again.enrol()
    with pytest.raises(CleInconnue):
        await remove_key(someone.deps, someone.connecte, key_id(stranger.cle.identifiant))
    with pytest.raises(CleInconnue):
        await rename_key(someone.deps, someone.connecte, key_id(stranger.cle.identifiant), "Volée")


@pytest.mark.stack
async def test_an_account_has_ten_keys_at_most_each_named_and_removed_by_its_owner(bearer: Bearer) -> None:
    someone = await bearer()
    for rank in range(10):
        await replace(someone, cle=Authentificateur()).enrol(f"Clé {rank}")
    with pytest.raises(TropDeCles):
        await someone.enrol()
    held = await list_cles(someone.deps.database, someone.who.compte.id)
    await rename_key(someone.deps, someone.connecte, held[0].id, "Celle du bureau")
    await remove_key(someone.deps, someone.connecte, held[1].id)
    names = [cle.nom for cle in await list_cles(someone.deps.database, someone.who.compte.id)]
    assert (len(names), names[:2]) == (9, ["Celle du bureau", "Clé 2"])
    acts = someone.deps.database[AUDIT.name].count_documents
    for acte, issue, times in (
        (Acte.CLE_ENROLEE, Issue.FAITE, 10),
        (Acte.CLE_ENROLEE, Issue.REFUSEE, 1),
        (Acte.CLE_RENOMMEE, Issue.FAITE, 1),
        (Acte.CLE_RETIREE, Issue.FAITE, 1),
    ):
        assert await acts({"acteur": someone.who.compte.id, "acte": acte, "issue": issue}) == times


@pytest.mark.stack
async def test_an_administrator_does_not_lose_its_last_key_and_its_application_at_the_same_moment(
    bearer: Bearer,
) -> None:
    administrator = await (await bearer(ADMINISTRATEUR)).enrol()
    deps, connecte = administrator.deps, administrator.connecte
    ends = await asyncio.gather(
        remove_key(deps, connecte, key_id(administrator.cle.identifiant)),
        remove_application(deps, connecte),
        return_exceptions=True,
    )
    assert sorted(str(type(end).__name__) for end in ends) == ["MoyenIndispensable", "NoneType"]
    assert MoyenIndispensable.__name__ in {type(end).__name__ for end in ends}


class _Pages(HTMLParser):
    """What the script of a page is given to ask for."""

    options: str | None = None

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form" and "data-cle" in dict(attrs):
            self.options = dict(attrs)["data-options"]


def asked(page: httpx.Response) -> str:
    """What the browser is asked for, on a page that lets our script run and no other."""
    assert page.status_code == 200, page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    parser = _Pages()
    parser.feed(page.text)
    assert parser.options is not None
    return parser.options


@contextlib.asynccontextmanager
async def open_pages(deps: Deps, identity: Identity) -> AsyncIterator[httpx.AsyncClient]:
    """The pages of a provider that has a name, in this process."""
    clients = load_clients(identity.settings.identity_clients, demonstration=True, cles=identity.settings.cles_services)
    routes = pages(Serveur(deps, clients, issuer=SITE.origine), open_rendu(clients, secure=False), secure=False)
    transport = httpx.ASGITransport(Starlette(routes=list(routes)))
    async with httpx.AsyncClient(transport=transport, base_url=SITE.origine) as http:
        yield http


@pytest.mark.stack
async def test_the_pages_ask_for_a_key_after_the_password_or_alone_and_take_what_the_browser_answers(
    bearer: Bearer, identity: Identity
) -> None:
    someone = await (await bearer()).enrol()
    personne = someone.who.personne
    async with open_pages(replace(someone.deps, adresse=SITE.origine), identity) as http:

        async def send(path: str, page: httpx.Response, **fields: str) -> httpx.Response:
            form = Page(page.text).form(path)
            assert form is not None, page.text
            return await http.post(form.action, data=form.champs | fields)

        first = await http.get("/connexion?suite=cles")
        assert "script-src" not in first.headers["content-security-policy"]
        assert 'href="/connexion/sans-mot-de-passe?suite=cles"' in first.text
        answer = await send("/connexion", first, courriel=personne.courriel, mot_de_passe=personne.mot_de_passe)
        assert answer.headers["location"] == "/connexion/cle"
        page = await http.get("/connexion/cle")
        refused = await send("/connexion/cle", page, cle="{}")
        assert (refused.status_code, "n&#39;a pas été reconnue" in refused.text) == (422, True)
        page = await http.get("/connexion/cle")
        answer = await send("/connexion/cle", page, cle=someone.cle.show(asked(page)))
        assert answer.headers["location"] == "/compte/cles"
        own = await http.get("/compte/cles")
        assert "Clé du bureau" in own.text
        another = Authentificateur()
        await send("/compte/cles", own, cle=another.create(asked(own)), nom="Clé <b>de</b> secours")
        assert "Clé &lt;b&gt;de&lt;/b&gt; secours" in (await http.get("/compte/cles")).text
        http.cookies.clear()
        page = await http.get("/connexion/sans-mot-de-passe?suite=compte")
        answer = await send("/connexion/sans-mot-de-passe", page, cle=another.show(asked(page)))
        assert answer.headers["location"] == "/compte"
        assert "Vous en avez 2." in (await http.get("/compte")).text


@pytest.mark.exigence("CNIL-2025-019 choix")
@pytest.mark.stack
async def test_an_administrator_s_first_sign_in_needs_no_application_where_it_makes_a_key_and_shows_it(
    bearer: Bearer, identity: Identity
) -> None:
    someone = await bearer()
    await identity.give_role(someone.who, ADMINISTRATEUR)
    await identity.deps.database[FACTEURS.name].update_one({"_id": someone.who.compte.id}, {"$set": {"totp": None}})
    secret = new_secret()
    connexion = Connexion(
        condensat=condensat(secret),
        compte=someone.who.compte.id,
        demande="",
        expire_le=someone.deps.clock() + DUREE,
        faits=frozenset({Facteur.MOT_DE_PASSE, Facteur.COURRIEL}),
    )
    await someone.deps.connexions.open(connexion)
    async with open_pages(replace(someone.deps, adresse=SITE.origine), identity) as http:
        http.cookies.set("connexion", secret)
        assert 'href="/connexion/cle/nouvelle"' in (await http.get("/connexion/application")).text
        page = await http.get("/connexion/cle/nouvelle")

        async def send(path: str, page: httpx.Response, **fields: str) -> httpx.Response:
            form = Page(page.text).form(path)
            assert form is not None, page.text
            return await http.post(form.action, data=form.champs | fields)

        made = someone.cle.create(asked(page))
        assert (await send("/connexion/cle/nouvelle", page, cle=made, nom="")).status_code == 422
        page = await http.get("/connexion/cle/nouvelle")
        answer = await send("/connexion/cle/nouvelle", page, cle=someone.cle.create(asked(page)), nom="Ordinateur")
        assert answer.headers["location"] == "/connexion/cle", "it counts once it is shown"
        page = await http.get("/connexion/cle")
        answer = await send("/connexion/cle", page, cle=someone.cle.show(asked(page)))
        assert answer.headers["location"] == "/connexion/numero"


@pytest.mark.stack
async def test_no_key_is_made_by_who_has_shown_the_password_alone(bearer: Bearer) -> None:
    someone = await bearer()
    with pytest.raises(ConnexionExpiree):
        await propose_first_key(someone.deps, await someone.after_password())


@pytest.mark.stack
async def test_where_identity_is_reached_by_a_number_no_key_is_offered(bearer: Bearer, identity: Identity) -> None:
    someone = await bearer()
    assert identity.settings.hote is None
    async with open_pages(replace(someone.deps, site=None), identity) as http:
        assert "sans-mot-de-passe" not in (await http.get("/connexion")).text
        assert (await http.get("/connexion/sans-mot-de-passe")).status_code == 404
