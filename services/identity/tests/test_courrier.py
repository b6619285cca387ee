"""Mail: it waits in the store, sealed, until it is sent; then it is gone from there."""

from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.clock import technical_clock
from kit.mongo import Database, Transaction
from kit.testing.running import running
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually
from services.identity.courrier import Courrier, new_envoi, new_sms
from services.identity.lettres import rendu
from services.identity.lettres.lettre import Code, Lettre, Lien, read, write
from services.identity.settings import IdentitySettings
from services.identity.store import envois
from services.identity.store.envois import Envoi
from services.identity.store.work import LAYOUT

pytestmark = pytest.mark.stack


@dataclass(slots=True)
class Serveur:
    """A mail server that takes a message the n-th time only."""

    refusals: int
    received: list[Envelope]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refusals:
            self.refusals -= 1
            return "451 Later"
        self.received.append(envelope)
        return "250 OK"


@pytest.fixture
async def courrier(database: Database, identity_settings: IdentitySettings) -> Courrier:
    """The sender of what waits in an empty store, to a mail server that is not there yet."""
    await LAYOUT.migrate(database)
    url = SecretStr(f"smtp://127.0.0.1:{free_port()}")
    settings = identity_settings.model_copy(update={"smtp_url": url})
    return Courrier.of(settings, database, identity_settings.open_vault())


def listen(courrier: Courrier, serveur: Serveur) -> Controller:
    port = urlsplit(courrier.settings.smtp_url.get_secret_value()).port
    assert port is not None
    controller = Controller(serveur, hostname="127.0.0.1", port=port)
    controller.start()
    return controller


async def put(courrier: Courrier, database: Database, *, validite: timedelta = timedelta(minutes=10)) -> Envoi:
    envoi = new_envoi(
        courrier.vault,
        Lettre(sujet="Votre code d'accès", prenom="Léa <b>", corps=["Le code est :", Code("123456")]),
        destinataire="lea.petit@ac-creteil.fr",
        now=technical_clock(),
        validite=validite,
    )
    async with await database.client.start_session() as session, session.start_transaction():
        await envois.add(Transaction(database, session), envoi)
    return envoi


async def waiting(database: Database) -> int:
    return await database.envois.count_documents({})


async def test_a_message_waits_while_the_mail_server_is_away_and_leaves_once_it_is_back(
    courrier: Courrier, database: Database
) -> None:
    envoi = await put(courrier, database)
    async with running(courrier.run):

        async def tried() -> bool:
            return await database.envois.count_documents({"essais": {"$gte": 1}}) == 1

        await eventually(tried)
        serveur = Serveur(refusals=1, received=[])
        controller = listen(courrier, serveur)

        async def sent() -> bool:
            return await waiting(database) == 0

        await eventually(sent, within=20)
        controller.stop()
    (envelope,) = serveur.received
    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=default)
    assert envelope.rcpt_tos == ["lea.petit@ac-creteil.fr"]
    assert message["subject"] == "Votre code d'accès"
    assert message.get_content_type() == "multipart/alternative"
    assert message["message-id"] == f"<{envoi.id}@127.0.0.1>"
    text, page = (part.get_content() for part in message.iter_parts())
    assert text.startswith("Bonjour Léa <b>,\r\n\r\nLe code est :\r\n\r\n    123456\r\n")
    assert "Bonjour Léa &lt;b&gt;," in page
    assert ">123456</p>" in page


async def test_a_message_that_is_useless_by_now_is_not_sent(courrier: Courrier, database: Database) -> None:
    await put(courrier, database, validite=timedelta(0))
    serveur = Serveur(refusals=0, received=[])
    controller = listen(courrier, serveur)
    async with running(courrier.run):

        async def gone() -> bool:
            return await waiting(database) == 0

        await eventually(gone)
    controller.stop()
    assert serveur.received == []


async def test_two_senders_send_one_message_once(courrier: Courrier, database: Database) -> None:
    serveur = Serveur(refusals=0, received=[])
    controller = listen(courrier, serveur)
    other = Courrier.of(courrier.settings, database, courrier.vault)
    for _ in range(10):
        await put(courrier, database)
    async with running(courrier.run, other.run):

        async def gone() -> bool:
            return await waiting(database) == 0

        await eventually(gone)
    controller.stop()
    assert len(serveur.received) == 10


async def test_the_store_holds_no_address_and_no_code_in_clear(courrier: Courrier, database: Database) -> None:
    await put(courrier, database)
    row = str(await database.envois.find_one({}))
    assert "lea.petit" not in row
    assert "123456" not in row


async def test_an_address_cannot_add_headers_to_a_message(courrier: Courrier) -> None:
    envoi = new_envoi(
        courrier.vault,
        Lettre(sujet="x", prenom="x", corps=["x"]),
        destinataire="a@exemple.fr\nBcc: tous@exemple.fr",
        now=technical_clock(),
        validite=timedelta(minutes=1),
    )
    with pytest.raises(ValueError, match="invalid"):
        await courrier._deliver(envoi)


async def test_a_letter_is_text_and_page_with_the_same_words_and_its_link_whole() -> None:
    address = "https://identite.exemple.fr/activation?lien=" + "A" * 43
    lettre = Lettre(sujet="Votre compte", prenom="Léa", corps=["Un & deux.", Lien("Activer mon compte", address)])
    assert read(write(lettre)) == lettre
    assert f"Activer mon compte :\n{address}\n" in rendu.text(lettre)
    page = rendu.html(lettre)
    assert f'<a href="{address}"' in page
    assert "Un &amp; deux." in page
    assert "<script" not in page
    assert "<img" not in page


async def test_an_sms_waits_while_the_operator_refuses_and_is_told_apart_by_its_key(
    courrier: Courrier, database: Database
) -> None:
    seen: list[tuple[str | None, str | None, object]] = []

    async def take(request: Request) -> Response:
        given = request.headers
        seen.append((given.get("idempotency-key"), given.get("authorization"), await request.json()))
        return Response(status_code=503 if len(seen) == 1 else 201)

    async with serve(Starlette(routes=[Route("/envois", take, methods=["POST"])])) as operator:
        known = {"sms_url": f"{operator.url}/envois", "sms_jeton": SecretStr("cle-operateur")}
        sender = Courrier.of(courrier.settings.model_copy(update=known), database, courrier.vault)
        envoi = new_sms(
            courrier.vault,
            "Votre code : 123456",
            numero="+33612345678",
            now=technical_clock(),
            validite=timedelta(minutes=10),
        )
        async with await database.client.start_session() as session, session.start_transaction():
            await envois.add(Transaction(database, session), envoi)
        assert "612345678" not in str(await database.envois.find_one({}))
        async with running(sender.run):

            async def sent() -> bool:
                return await waiting(database) == 0

            await eventually(sent, within=20)
    body = {"numero": "+33612345678", "texte": "Votre code : 123456"}
    assert seen == [(envoi.id, "Bearer cle-operateur", body)] * 2
