"""The mail and SMS catcher: what was sent is shown, as text, and nothing else."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from infra.local import courriels_page, stack
from infra.local.courriels import Boite, _Smtp, create_app, read_mail
from infra.local.processes import free_ports
from infra.local.stack import Ports
from infra.local.supervisor import Supervisor


@pytest.fixture
def boite() -> Boite:
    return Boite()


@pytest.fixture
def client(boite: Boite) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(boite)), base_url="http://127.0.0.1")


@pytest.fixture
def smtp_port(boite: Boite) -> Iterator[int]:
    (port,) = free_ports(1)
    controller = Controller(_Smtp(boite), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


def mail(sujet: str, texte: str, *, to: str = "jeanne@essai.example") -> EmailMessage:
    message = EmailMessage()
    message["subject"], message["from"], message["to"] = sujet, "site@essai.example", to
    message.set_content(texte)
    return message


async def test_a_mail_that_was_sent_is_found_by_its_recipient(smtp_port: int, client: httpx.AsyncClient) -> None:
    with smtplib.SMTP("127.0.0.1", smtp_port) as server:
        server.send_message(mail("Votre code d'accès", "Votre code est 123456 : il est valable dix minutes."))
    async with client:
        found = (await client.get("/messages", params={"destinataire": "Jeanne@Essai.example"})).json()
        assert [(m["canal"], m["sujet"]) for m in found] == [("courriel", "Votre code d'accès")]
        assert "123456" in found[0]["texte"]
        assert (await client.get("/messages", params={"destinataire": "autre@essai.example"})).json() == []


async def test_the_text_of_a_mail_is_shown_rather_than_its_html() -> None:
    message = mail("Deux formes", "Bonjour.")
    message.add_alternative("<p>Bonjour.</p>", subtype="html")
    assert read_mail(message.as_bytes()) == ("Deux formes", "Bonjour.\n")


def test_a_mail_in_a_charset_that_nobody_knows_is_kept_as_it_came() -> None:
    content = b"subject: a\r\ncontent-type: text/plain; charset=inconnu\r\n\r\nBonjour\r\n"
    assert read_mail(content) == ("", content.decode())


@given(st.binary(max_size=300).map(lambda body: b"subject: x\r\n" + body) | st.binary(max_size=300))
def test_whatever_was_sent_as_a_mail_is_kept(content: bytes) -> None:
    sujet, texte = read_mail(content)
    assert isinstance(sujet, str)
    assert isinstance(texte, str)


async def test_an_sms_is_shown_with_the_newest_message_first(boite: Boite, client: httpx.AsyncClient) -> None:
    boite.keep("courriel", ["a@essai.example"], "Premier", "un")
    async with client:
        sent = await client.post("/sms", json={"numero": "+33600000000", "texte": "Code : 654321"})
        assert sent.status_code == 201
        found = (await client.get("/messages")).json()
    assert [m["canal"] for m in found] == ["sms", "courriel"]
    assert found[0]["id"] == sent.json()["id"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "JSON"),
        (b'["+33600000000"]', "numero"),
        (b'{"texte": "Bonjour"}', "numero"),
        (b'{"numero": "bonjour", "texte": "Bonjour"}', "numero"),
        (b'{"numero": "+33600000000"}', "texte"),
        (b'{"numero": "+33600000000", "texte": "' + b"x" * 20_000 + b'"}', "octets"),
    ],
)
async def test_an_sms_that_is_not_one_is_refused_with_the_reason(
    boite: Boite, client: httpx.AsyncClient, body: bytes, said: str
) -> None:
    async with client:
        answer = await client.post("/sms", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["erreur"]
    assert boite.list(None) == []


async def test_the_page_shows_text_as_text_and_runs_nothing(boite: Boite, client: httpx.AsyncClient) -> None:
    boite.keep("courriel", ['<b>a</b>"'], "<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    async with client:
        page = await client.get("/", params={"destinataire": '<b>a</b>"'})
    for tag in ("<script", "<img", "<b>"):
        assert tag not in page.text
    assert "&lt;script&gt;" in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "script-src" not in policy


class _Elements(HTMLParser):
    """The elements of a page that a person who does not see it relies on."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


async def test_the_page_can_be_heard_as_well_as_seen(boite: Boite, client: httpx.AsyncClient) -> None:
    boite.keep("sms", ["+33600000000"], "", "Code : 654321")
    async with client:
        elements = _Elements((await client.get("/")).text)
    assert elements.all("html") == [{"lang": "fr"}]
    assert len(elements.all("h1")) == len(elements.all("main")) == 1
    assert [label["for"] for label in elements.all("label")] == [field["id"] for field in elements.all("input")]
    assert [article["aria-labelledby"] for article in elements.all("article")] == [
        title["id"] for title in elements.all("h2")
    ]


async def test_an_address_in_a_message_can_be_followed_without_the_stop_that_ends_its_sentence(
    boite: Boite, client: httpx.AsyncClient
) -> None:
    boite.keep("courriel", ["a"], "s", "Ouvrez http://127.0.0.1:4001/activation?code=a&b=1. (Ou https://a.example/?x).")
    async with client:
        page = await client.get("/")
    assert '<a href="http://127.0.0.1:4001/activation?code=a&amp;b=1" rel="noreferrer">' in page.text
    assert "</a>. (Ou" in page.text
    assert 'href="https://a.example/?x"' in page.text


def tags(text: str) -> list[str]:
    """The elements of a page with one message, which says that."""
    boite = Boite()
    boite.keep("sms", [text], text, text)
    return [tag for tag, _ in _Elements(courriels_page.render(boite.list(None), text)).found]


@given(st.text() | st.text(alphabet="<>&\"'/!-= bp"))
def test_no_text_leaves_its_place_in_the_page(text: str) -> None:
    assert tags(text) == tags("Bonjour")


async def test_a_site_that_gave_itself_our_address_is_refused(client: httpx.AsyncClient) -> None:
    async with client:
        answer = await client.get("/messages", headers={"host": "ailleurs.example"})
    assert answer.status_code == 400


def test_old_messages_are_forgotten_and_long_ones_are_cut() -> None:
    boite = Boite()
    for number in range(600):
        boite.keep("sms", ["n"], "", str(number))
    kept = boite.list(None)
    assert len(kept) == 500
    assert kept[0].texte == "599"
    assert len(boite.keep("courriel", ["n"], "", "x" * 1_000_000).texte) < 21_000


async def test_the_catcher_runs_as_a_part_of_the_stack(tmp_path: Path) -> None:
    ports = Ports.free()
    supervisor = Supervisor(tmp_path)
    await supervisor.start([stack.courriels(ports)])
    try:
        with smtplib.SMTP("127.0.0.1", ports.smtp) as server:
            server.send_message(mail("Bienvenue", "Bonjour.", to="zoé@essai.example"), mail_options=["SMTPUTF8"])
        async with httpx.AsyncClient(base_url=ports.courriels_url) as client:
            found = (await client.get("/messages", params={"destinataire": "zoé@essai.example"})).json()
            assert [m["sujet"] for m in found] == ["Bienvenue"]
            assert (await client.get("/style.css")).headers["content-type"].startswith("text/css")
    finally:
        supervisor.stop()
    assert (tmp_path / "courriels.log").read_text(encoding="utf-8") == ""
