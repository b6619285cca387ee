"""The pages: what a browser is told, what a form must prove, what a screen reader hears."""

import re
from html.parser import HTMLParser
from typing import override

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response

from infra.local.connexion import Page
from kit.http import open_client
from kit.mongo import open_database
from kit.testing.serving import free_port
from services.identity.deps import make_deps
from services.identity.domain.audit import OPERATEUR
from services.identity.oidc.clients import load_clients
from services.identity.oidc.routes import routes as oidc
from services.identity.oidc.serveur import Serveur
from services.identity.pages.navigateur import Navigateur
from services.identity.pages.rendu import Rendu
from services.identity.pages.routes import open_rendu
from services.identity.pages.routes import routes as pages
from services.identity.settings import IdentitySettings
from services.identity.tests.conftest import MOT_DE_PASSE, Identity
from services.identity.usecases.comptes import NouveauCompte, create_compte, issue_link
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")


class Labels(HTMLParser):
    """The fields of a page without label, and what their descriptions point at that is not there."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.labels: set[str] = set()
        self.ids: set[str] = set()
        self.styled = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.styled += "style" in given or any(name.startswith("on") for name in given)
        self.ids.add(given.get("id", ""))
        if tag == "label":
            self.labels.add(given["for"])
        if tag == "input" and given.get("type") != "hidden":
            self.fields[given["id"]] = given.get("aria-describedby", "")


async def test_no_page_lets_a_script_a_style_of_its_own_or_a_frame_in(identity: Identity) -> None:
    async with open_client(base_url=identity.url) as http:
        for path in ("/", "/connexion", "/securite", "/logout", "/activation?lien=x", "/authorize"):
            answer = await http.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'; style-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert "<script" not in answer.text
            assert Labels(answer.text).styled == 0


async def test_every_page_has_a_title_a_language_and_a_label_for_each_field(identity: Identity) -> None:
    compte = await create_compte(
        identity.deps, NouveauCompte(courriel="ines.page@ac-creteil.fr", nom="Page", prenom="Inès"), par=OPERATEUR
    )
    lien = await issue_link(identity.deps, compte)
    async with open_client(base_url=identity.url) as http:
        for path in ("/connexion", f"/activation?lien={lien}", "/securite"):
            text = (await http.get(path)).text
            page = Labels(text)
            assert '<html lang="fr">' in text
            assert re.search(r"<title>[^<]+ – Site de gestion</title>", text)
            assert text.count("<h1>") == 1
            assert set(page.fields) <= page.labels
            assert all(target in page.ids for described in page.fields.values() for target in described.split())


@pytest.mark.exigence("ASVS 6.2.6", "ASVS 6.2.7", "ASVS 6.2.9", "CNIL-2022-100 gestionnaire")
async def test_passwords_are_masked_and_a_manager_may_fill_them(identity: Identity) -> None:
    nouveau = NouveauCompte(courriel="nora.champ@ac-creteil.fr", nom="Champ", prenom="Nora")
    lien = await issue_link(identity.deps, await create_compte(identity.deps, nouveau, par=OPERATEUR))
    async with open_client(base_url=identity.url) as http:
        for path, filled_by in (("/connexion", "current-password"), (f"/activation?lien={lien}", "new-password")):
            fields = [one for one in inputs((await http.get(path)).text) if one.get("type") == "password"]
            assert fields
            for field in fields:
                assert field.get("autocomplete") == filled_by
                # Nothing cuts what a manager made, nor stands in the way of pasting it.
                assert field.keys() <= {"id", "name", "type", "value", "required", "autocomplete", *_OF_HELP}
                assert "required" in field


_OF_HELP = ("aria-describedby", "autofocus")


def inputs(page: str) -> list[dict[str, str | None]]:
    """The attributes of each field of a page, as a browser reads them."""
    found: list[dict[str, str | None]] = []

    class Reader(HTMLParser):
        @override
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "input":
                found.append(dict(attrs))

    Reader().feed(page)
    return found


@pytest.mark.exigence("ASVS 7.2.1", "ASVS 7.2.3")
async def test_the_session_cookie_is_opaque_out_of_reach_of_scripts_and_not_sent_across_sites(
    identity: Identity,
) -> None:
    browser = (await identity.account(GESTIONNAIRE)).browser()
    seen: list[str] = []

    async def look(response: httpx.Response) -> None:
        seen.extend(response.headers.get_list("set-cookie"))

    browser._http.event_hooks["response"] = [look]
    await browser.sign_in()
    (session,) = (cookie for cookie in seen if cookie.startswith("session="))
    assert re.match(r"session=[\w-]{43}; HttpOnly; Path=/; SameSite=lax$", session)
    database = identity.deps.database
    assert await database.sessions.count_documents({"condensat": session[8:51]}) == 0, "kept as its hash only"


@pytest.mark.exigence("CNIL-2022-100 transport", "ANSSI canal")
def test_over_tls_cookies_have_the_host_prefix_and_pages_ask_for_tls(identity: Identity) -> None:
    response = Response()
    kept = identity.deps.appareil_connu
    browser = Navigateur(identity.deps.trousseau, origin="https://i.example", secure=True, appareil_connu=kept)
    browser.open_session(response, "secret")
    assert "__Host-session=secret; HttpOnly; Path=/; SameSite=lax; Secure" in response.headers.getlist("set-cookie")
    page = Rendu(form_ends=[], secure=True).page("securite")
    assert page.headers["strict-transport-security"].startswith("max-age=63072000")


@pytest.mark.exigence("ASVS 7.6.2")
async def test_a_form_from_elsewhere_is_refused(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    fields = {"courriel": someone.personne.courriel, "mot_de_passe": MOT_DE_PASSE}
    async with open_client(base_url=identity.url) as http, open_client(base_url=identity.url) as other:
        form = Page((await http.get("/connexion")).text).form("/connexion")
        stolen = Page((await other.get("/connexion")).text).form("/connexion")
        assert form is not None
        assert stolen is not None
        for data, headers in (
            (fields, {}),
            (fields | {"preuve": ""}, {}),
            (fields | {"preuve": "é"}, {}),
            (fields | stolen.champs | fields, {}),
            (fields | {"preuve": form.champs["preuve"]}, {"origin": "https://evil.example"}),
            (fields | {"preuve": form.champs["preuve"]}, {"origin": "null"}),
        ):
            answer = await http.post("/connexion", data=data, headers=headers)
            assert answer.status_code == 422
            assert "plus à jour" in answer.text
        good = fields | {"preuve": form.champs["preuve"]}
        assert (await http.post("/connexion", data=good, headers={"origin": identity.url})).is_redirect


async def test_what_a_person_types_is_shown_as_text(identity: Identity) -> None:
    async with open_client(base_url=identity.url) as http:
        form = Page((await http.get("/connexion")).text).form("/connexion")
        assert form is not None
        typed = '"><script>alert(1)</script>'
        answer = await http.post("/connexion", data=form.champs | {"courriel": typed, "mot_de_passe": "x"})
        assert "<script>" not in answer.text
        assert "&lt;script&gt;" in answer.text
        answer = await http.get("/connexion", params={"client_id": typed})
        assert "<script>" not in answer.text


async def test_malformed_and_oversized_forms_are_refused_without_a_failure(identity: Identity) -> None:
    async with open_client(base_url=identity.url) as http:
        assert (await http.post("/connexion", content=b"x" * 2_000_000)).status_code == 413
        assert (await http.post("/connexion", json={"courriel": "x"})).status_code == 422
        assert (await http.post("/connexion", files={"courriel": b"x"})).status_code in (400, 422)
        assert (await http.post("/connexion", content=b"\xff\xfe=\x00")).status_code in (400, 422)
        assert (await http.get("/connexion?" + "x" * 5000)).status_code == 400
        assert (await http.put("/connexion")).status_code == 405


@pytest.mark.exigence("ASVS 6.4.1", "CNIL-2022-100 initial", "ANSSI remise")
async def test_an_account_is_activated_by_its_link_once_and_a_bad_password_does_not_spoil_it(
    identity: Identity,
) -> None:
    nouveau = NouveauCompte(courriel="noe.garrigue@ac-creteil.fr", nom="Garrigue", prenom="Noé")
    compte = await create_compte(identity.deps, nouveau, par=OPERATEUR)
    lien = await issue_link(identity.deps, compte)
    async with open_client(base_url=identity.url) as http:
        for chosen, again, said in (
            ("court", "court", "au moins 12"),
            ("motdepasse123", "motdepasse123", "facile à deviner"),
            ("Garrigue au bord de l'eau", "Garrigue au bord de l'eau", "votre nom"),
            (MOT_DE_PASSE, MOT_DE_PASSE + "x", "diffèrent"),
        ):
            form = Page((await http.get(f"/activation?lien={lien}")).text).form("/activation")
            assert form is not None
            fields = form.champs | {"mot_de_passe": chosen, "confirmation": again}
            answer = await http.post("/activation", data=fields)
            assert answer.status_code == 422
            assert said in answer.text
            assert 'aria-invalid="true"' in answer.text
        answer = await http.post("/activation", data=fields | {"confirmation": MOT_DE_PASSE})
        assert answer.headers["location"] == "/connexion/code", "whoever activates its account goes on to sign in"
        for path in (f"/activation?lien={lien}", "/activation?lien=inconnu", "/activation"):
            assert (await http.get(path)).status_code == 404


@pytest.mark.exigence("ASVS 6.4.1")
async def test_a_link_is_good_for_72_hours(identity: Identity) -> None:
    nouveau = NouveauCompte(courriel="lou.ferrand@ac-creteil.fr", nom="Ferrand", prenom="Lou")
    lien = await issue_link(identity.deps, await create_compte(identity.deps, nouveau, par=OPERATEUR))
    links = identity.deps.database.liens
    row = await links.find_one(sort=[("expire_le", -1)])
    assert row is not None
    hours = (row["expire_le"] - identity.deps.clock()).total_seconds() / 3600
    assert 71.9 < hours <= 72
    await links.update_one({"_id": row["_id"]}, {"$set": {"expire_le": identity.deps.clock()}})
    async with open_client(base_url=identity.url) as http:
        assert (await http.get(f"/activation?lien={lien}")).status_code == 404


async def test_while_the_store_is_away_people_and_clients_are_told_to_come_back(
    identity_settings: IdentitySettings,
) -> None:
    port = free_port()
    settings = identity_settings.model_copy(
        update={
            "mongodb_uri": f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=200",
            "identity_url": f"http://127.0.0.1:{port}",
        }
    )
    database = open_database(settings.mongodb_uri, "absente")
    clients = load_clients(settings.identity_clients, demonstration=True, cles=settings.cles_services)
    deps = make_deps(settings, database, settings.open_vault())
    serveur = Serveur(deps, clients, issuer=settings.identity_url)
    app = Starlette(routes=[*pages(serveur, open_rendu(clients, secure=False), secure=False), *oidc(serveur, clients)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=settings.identity_url) as http:
        answer = await http.get("/activation?lien=x")
        assert answer.status_code == 503
        assert "momentanément indisponible" in answer.text
        asked = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "web"}
        answer = await http.post("/token", data=asked)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    deps.hasher.close()
    database.client.close()


async def test_a_page_asked_for_by_another_name_of_this_machine_leads_to_where_its_forms_are_ours(
    identity: Identity,
) -> None:
    elsewhere = identity.url.replace("127.0.0.1", "localhost")
    async with open_client() as http:
        sent = await http.get(f"{elsewhere}/connexion", params={"suite": "compte"})
        assert (sent.status_code, sent.headers["location"]) == (303, f"{identity.url}/connexion?suite=compte")
        assert (await http.get(f"{elsewhere}/.well-known/openid-configuration")).status_code == 200, "no page"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/rien", 404), ("DELETE", "/connexion", 405)])
async def test_where_there_is_no_page_a_browser_is_told_so_in_french_under_the_policy_of_pages(
    identity: Identity, method: str, path: str, status: int
) -> None:
    async with open_client(base_url=identity.url) as http:
        page = await http.request(method, path, headers={"accept": "text/html,*/*;q=0.8"})
        assert (page.status_code, "Page introuvable" in page.text) == (status, True)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        program = await http.request(method, path, headers={"accept": "application/json"})
    assert (program.status_code, "<" in program.text) == (status, False)


async def test_a_form_that_cannot_be_read_is_refused_in_french(identity: Identity) -> None:
    async with open_client(base_url=identity.url, headers={"accept": "text/html"}) as http:
        answer = await http.post("/connexion", files={"courriel": ("fichier.txt", b"rien")})
    assert (answer.status_code, "Formulaire illisible" in answer.text) == (400, True)
