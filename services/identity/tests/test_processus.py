"""identity as a process: killed without warning, and searched for what it must not let out."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiosmtpd.controller import Controller
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from ulid import ULID

from infra.local.connexion import Boite, ConnexionRefusee, Navigateur, Page, Personne, refresh
from infra.local.courriels import Boite as BoiteLocale
from infra.local.courriels import _Smtp
from infra.local.courriels import create_app as create_catcher
from kit.auth.service_tokens import create_keys
from kit.http import open_client
from kit.mongo import open_database
from kit.testing.serving import free_port, serve
from kit.testing.topics import create
from kit.testing.waiting import eventually
from services.identity.mfa.totp import new_secret
from services.identity.rpc import CALLERS
from services.identity.tests.conftest import MOT_DE_PASSE, TOPICS
from services.identity.tests.test_deconnexions import Application

pytestmark = pytest.mark.stack

_ROOT = Path(__file__).parents[3]


@dataclass(slots=True)
class Processus:
    """The service as `python -m services.identity servir`, with settings of its own."""

    environment: Mapping[str, str]
    log: Path
    running: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return self.environment["IDENTITY_URL"]

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.identity", "servir"),
                cwd=_ROOT,
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
            )

        async def ready() -> bool:
            assert self.running is not None
            assert self.running.returncode is None, self.log.read_text()
            try:
                async with open_client() as http:
                    return (await http.get(f"{self.url}/sante/pret")).status_code == 200
            except httpx.HTTPError:
                return False

        await eventually(ready, within=60)

    async def stop(self, number: signal.Signals) -> None:
        if self.running is not None and self.running.returncode is None:
            self.running.send_signal(number)
            await self.running.wait()

    async def command(self, *arguments: str, given: str = "") -> tuple[int, str]:
        """Run a command of the service; its status and all it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.identity", *arguments),
            cwd=_ROOT,
            env=os.environ | self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate(given.encode())
        return process.returncode or 0, printed.decode()


@dataclass(slots=True)
class Spans:
    """A trace collector that keeps all it is sent."""

    received: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        async def take(request: Request) -> Response:
            self.received.append((await request.body()).decode())
            return Response(status_code=202)

        return Starlette(routes=[Route("/api/v2/spans", take, methods=["POST"])])


@pytest.fixture
async def spans() -> AsyncIterator[tuple[Spans, str]]:
    collector = Spans()
    async with serve(collector.app()) as serving:
        yield collector, f"{serving.url}/api/v2/spans"


@pytest.fixture
async def processus(
    mongodb_uri: str, kafka_bootstrap_servers: str, tmp_path: Path, spans: tuple[Spans, str]
) -> AsyncIterator[Processus]:
    """The service, not yet started, on an empty store and topics that exist."""
    prefix, port = f"t{str(ULID()).lower()}", free_port()
    create_keys(tmp_path / "cles", ("identity", *sorted(CALLERS)))
    process = Processus(
        {
            "MODE": "local",
            "MONGODB_URI": mongodb_uri,
            "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
            "PREFIXE_BASES": f"{prefix}_",
            "PREFIXE_TOPICS": f"{prefix}.",
            "IDENTITY_URL": f"http://127.0.0.1:{port}",
            "IDENTITY_PORT": str(port),
            "IDENTITY_GRPC_PORT": str(free_port()),
            "CLES_SERVICES": str(tmp_path / "cles"),
            "SMTP_URL": f"smtp://127.0.0.1:{free_port()}",
            "LOG_LEVEL": "DEBUG",
            "OTEL_TRACES_EXPORTER": "zipkin",
            "OTEL_EXPORTER_ZIPKIN_ENDPOINT": spans[1],
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        },
        tmp_path / "identity.log",
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await admin.start()
    names = [f"{prefix}.{topic}{suffix}" for topic in TOPICS for suffix in ("", ".dlq")]
    await create(admin, names)
    yield process
    await process.stop(signal.SIGTERM)
    await admin.delete_topics(names)
    await admin.close()
    database = open_database(mongodb_uri, f"{prefix}_identity")
    await database.client.drop_database(database.name)
    database.client.close()


@dataclass(slots=True)
class Courriels:
    """The mail catcher, which may be started late."""

    smtp_port: int
    url: str
    boite: BoiteLocale
    _smtp: Controller | None = None

    def listen(self) -> None:
        self._smtp = Controller(_Smtp(self.boite), hostname="127.0.0.1", port=self.smtp_port)
        self._smtp.start()

    def stop(self) -> None:
        if self._smtp is not None:
            self._smtp.stop()


@pytest.fixture
async def courriels(processus: Processus) -> AsyncIterator[Courriels]:
    boite = BoiteLocale()
    async with serve(create_catcher(boite)) as serving:
        catcher = Courriels(int(processus.environment["SMTP_URL"].rpartition(":")[2]), serving.url, boite)
        yield catcher
        catcher.stop()


def account(prenom: str, nom: str, *, totp: str | None = None) -> dict[str, object]:
    return {
        "courriel": f"{prenom}.{nom}@ac-creteil.fr".lower(),
        "nom": nom,
        "prenom": prenom,
        "mot_de_passe": MOT_DE_PASSE,
        "totp": totp,
        "roles": [{"role": "GESTIONNAIRE", "uai": "0940001A"}],
    }


async def load(processus: Processus, *accounts: dict[str, object]) -> str:
    status, printed = await processus.command(
        "charger-comptes", given=httpx.Request("POST", "x:", json=accounts).read().decode()
    )
    assert status == 0, printed
    return printed


@pytest.mark.long
async def test_what_was_acknowledged_survives_a_kill_and_what_waited_goes_on(
    processus: Processus, courriels: Courriels
) -> None:
    assert "1 nouveaux" in await load(processus, account("Awa", "Kone"))
    await processus.start()
    someone = Personne(courriel="awa.kone@ac-creteil.fr", mot_de_passe=MOT_DE_PASSE)
    browser = Navigateur(processus.url, someone, Boite(courriels.url))
    async with aclosing(browser):
        await _live_through_kills(processus, courriels, browser)


async def _live_through_kills(processus: Processus, courriels: Courriels, browser: Navigateur) -> None:
    someone = browser.personne
    form = Page((await browser._http.get(f"{processus.url}/connexion")).text).form("/connexion")
    assert form is not None
    fields = form.champs | {"courriel": someone.courriel, "mot_de_passe": MOT_DE_PASSE}
    await browser._http.post(f"{processus.url}/connexion", data=fields)
    await processus.stop(signal.SIGKILL)

    courriels.listen()
    await processus.start()

    async def mailed() -> int:
        return await browser.boite.last(someone.courriel)

    await eventually(mailed, within=40)
    code = await browser.boite.code_after(someone.courriel, 0)
    form = Page((await browser._http.get(f"{processus.url}/connexion/code")).text).form("/connexion/code")
    assert form is not None
    answer = await browser._http.post(f"{processus.url}/connexion/code", data=form.champs | {"code": code})
    assert answer.headers["location"] == "/connexion/application"
    jetons = await browser.sign_in()
    await processus.stop(signal.SIGKILL)

    await processus.start()
    after = await refresh(browser._http, processus.url, jetons)
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, processus.url, jetons)
    with pytest.raises(ConnexionRefusee, match="invalid_grant"):
        await refresh(browser._http, processus.url, after)
    assert "1 inchangés" in await load(processus, account("Awa", "Kone"))


@pytest.mark.long
async def test_a_client_that_was_to_be_told_of_a_sign_out_is_told_after_a_kill(
    processus: Processus, courriels: Courriels, tmp_path: Path
) -> None:
    application = Application(free_port())
    declared = (
        '[application]\nnom = "Application"\nredirect_uris = ["http://127.0.0.1/retour"]\nboucle_locale = true\n'
        f'scopes = ["openid"]\nbackchannel_logout_uri = "{application.url}"\ndemonstration = true\n'
    )
    (tmp_path / "clients.toml").write_text(declared)
    processus.environment = {**processus.environment, "IDENTITY_CLIENTS": str(tmp_path / "clients.toml")}
    await load(processus, account("Awa", "Kone"))
    courriels.listen()
    await processus.start()
    someone = Personne(courriel="awa.kone@ac-creteil.fr", mot_de_passe=MOT_DE_PASSE)
    async with aclosing(Navigateur(processus.url, someone, Boite(courriels.url), client_id="application")) as browser:
        jetons = await browser.sign_in(scope="openid")
        answer = await browser._http.get(f"{processus.url}/logout", params={"id_token_hint": jetons.id_token})
        assert "Vous êtes déconnecté" in answer.text
    await processus.stop(signal.SIGKILL)
    assert application.received == [], "nobody was there to be told"
    await processus.start()
    async with serve(application.app(), port=application.port):

        async def told() -> bool:
            return len(application.received) == 1

        await eventually(told, within=60)


@pytest.mark.exigence("CNIL-2022-100 journal")
async def test_no_name_address_code_or_secret_is_in_any_log_or_span(
    processus: Processus, courriels: Courriels, spans: tuple[Spans, str]
) -> None:
    totp = new_secret()
    await load(processus, account("Awa", "Kone"), account("Ilyes", "Benhaddou", totp=totp))
    courriels.listen()
    await processus.start()
    secrets = {"awa.kone", "Benhaddou", "ilyes", MOT_DE_PASSE, totp, "un-mauvais-secret"}
    for personne in (
        Personne(courriel="awa.kone@ac-creteil.fr", mot_de_passe=MOT_DE_PASSE),
        Personne(courriel="ilyes.benhaddou@ac-creteil.fr", mot_de_passe=MOT_DE_PASSE, totp=totp),
    ):
        async with aclosing(Navigateur(processus.url, personne, Boite(courriels.url))) as browser:
            secrets |= await live(browser)
    secrets |= set(re.findall(r"\b\d{6}\b", courriels.boite.list(None)[0].texte))
    await processus.stop(signal.SIGTERM)
    assert spans[0].received, "no span was sent"
    for what, text in (("logs", processus.log.read_text()), ("spans", "\n".join(spans[0].received))):
        assert "POST /token" in text or what == "logs"
        found = {secret for secret in secrets if secret.lower() in text.lower()}
        assert not found, f"{what} hold {found}"


async def live(browser: Navigateur) -> set[str]:
    """Do what a person and a client do, well and badly; all the secrets that were seen on the way."""
    http, url = browser._http, browser.identity_url
    form = Page((await http.get(f"{url}/connexion")).text).form("/connexion")
    assert form is not None
    fields = {"courriel": browser.personne.courriel, "mot_de_passe": "un-mauvais-secret"}
    await http.post(f"{url}/connexion", data=form.champs | fields)
    verifier = "a-verifier-of-more-than-forty-three-characters-long"
    code = await browser.authorize(verifier)
    jetons = await browser.sign_in(nonce="un-nonce")
    after = await refresh(http, url, jetons)
    headers = {"authorization": f"Bearer {after.access_token}"}
    await http.get(f"{url}/userinfo", headers=headers)
    await http.post(f"{url}/graphql", json={"query": "{ moi { nom } }"}, headers=headers)
    await http.post(f"{url}/graphql", json={"query": "{ moi { nom "}, headers=headers)
    await http.post(f"{url}/token", data={"grant_type": "authorization_code", "code": code, "client_id": "web"})
    hinted = {"client_id": "web", "redirect_uri": "http://127.0.0.1:3000/connexion/retour", "response_type": "code"}
    hinted |= {
        "login_hint": "adresse.suggeree@ac-creteil.fr",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    reference = (await http.post(f"{url}/par", data=hinted)).json()["request_uri"]
    await http.get(f"{url}/authorize", params={"client_id": "web", "request_uri": reference})
    proved = {"grant_type": "client_credentials", "client_assertion": "une.mauvaise.assertion"}
    proved["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    await http.post(f"{url}/token", data=proved, headers={"dpop": "une.mauvaise.preuve"})
    cookies = set(http.cookies.values())
    await http.post(f"{url}/revoke", data={"token": after.refresh_token, "client_id": browser.client_id})
    await http.get(f"{url}/logout", params={"id_token_hint": jetons.id_token})
    await http.get(f"{url}/activation", params={"lien": "un-lien-secret"})
    tokens = {j.refresh_token for j in (jetons, after)} | {j.access_token.split(".")[2] for j in (jetons, after)}
    pushed = {reference.rpartition(":")[2], "adresse.suggeree", "une.mauvaise.assertion", "une.mauvaise.preuve"}
    return {code, verifier, "un-nonce", "un-lien-secret", jetons.id_token.split(".")[2]} | tokens | cookies | pushed
