"""The mail and SMS catcher: what was sent is shown, as text, and nothing else."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import httpx
import pytest
from aiosmtpd.controller import Controller

from infra.local.courriels import Boite, Message, _Smtp, create_app
from infra.local.processes import free_ports


@pytest.fixture
def boite() -> Boite:
    return Boite()


@pytest.fixture
def client(boite: Boite) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(boite)), base_url="http://local")


@pytest.fixture
def smtp_port(boite: Boite) -> Iterator[int]:
    (port,) = free_ports(1)
    controller = Controller(_Smtp(boite), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


async def test_a_mail_that_was_sent_is_found_by_its_recipient(smtp_port: int, client: httpx.AsyncClient) -> None:
    mail = EmailMessage()
    mail["subject"], mail["from"], mail["to"] = "Votre code d'accès", "site@essai.example", "jeanne@essai.example"
    mail.set_content("Votre code est 123456 : il est valable dix minutes.")
    with smtplib.SMTP("127.0.0.1", smtp_port) as server:
        server.send_message(mail)
    async with client:
        found = (await client.get("/messages", params={"destinataire": "jeanne@essai.example"})).json()
        assert [(m["canal"], m["sujet"]) for m in found] == [("courriel", "Votre code d'accès")]
        assert "123456" in found[0]["texte"]
        assert (await client.get("/messages", params={"destinataire": "autre@essai.example"})).json() == []


async def test_an_sms_is_shown_with_the_newest_message_first(boite: Boite, client: httpx.AsyncClient) -> None:
    boite.keep("courriel", ["a@essai.example"], "Premier", "un")
    async with client:
        sent = await client.post("/sms", json={"numero": "+33600000000", "texte": "Code : 654321"})
        assert sent.status_code == 201
        found = (await client.get("/messages")).json()
    assert [m["canal"] for m in found] == ["sms", "courriel"]


async def test_the_page_shows_text_as_text_and_runs_nothing(boite: Boite, client: httpx.AsyncClient) -> None:
    boite.keep("courriel", ["<b>a</b>"], "<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    async with client:
        page = await client.get("/")
    assert "<script>" not in page.text
    assert "<img" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_old_messages_are_forgotten(boite: Boite) -> None:
    for number in range(600):
        boite.keep("sms", ["n"], "", str(number))
    kept: list[Message] = boite.list(None)
    assert len(kept) == 500
    assert kept[0].texte == "599"
