"""A person in a browser, page by page, and its mailbox."""

import re

import httpx
from ulid import ULID

from infra.local.connexion import Page
from kit.testing.waiting import eventually
from services.identity.condensats import condensat, new_secret
from services.identity.domain.sessions import Preuve, Session
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Titulaire
from services.identity.usecases.jetons import Connecte

SECOURS = "/compte/codes-de-secours"


class Visite:
    """A person in a browser, page by page."""

    def __init__(self, who: Titulaire) -> None:
        self.who = who
        self.browser = who.browser()
        self.http = self.browser._http
        self.url = who.identity.url

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(self.url + path, follow_redirects=True)

    async def submit(self, path: str, action: str, **fields: str) -> httpx.Response:
        form = Page((await self.get(path)).text).form(action)
        assert form is not None, f"{path} has no form that goes to {action}"
        return await self.http.post(self.url + form.action, data=form.champs | fields)

    async def password(self, path: str = "/connexion") -> httpx.Response:
        courriel = self.who.personne.courriel
        return await self.submit(path, "/connexion", courriel=courriel, mot_de_passe=MOT_DE_PASSE)

    async def totp(self) -> httpx.Response:
        return await self.browser._fill(await self.get("/connexion/code"), 0)

    async def recover(self, code: str) -> httpx.Response:
        return await self.submit("/connexion/code?moyen=secours", "/connexion/code", code=code)

    async def signed_in(self) -> "Visite":
        await self.browser.sign_in()
        return self

    async def new_codes(self) -> list[str]:
        return Page((await self.submit(SECOURS, SECOURS)).text).codes


async def mailed(who: Titulaire, sujet: str, *, to: str | None = None) -> list[str]:
    """The texts of the messages of that subject to the person, or to another address; the newest first."""
    messages = await who.browser().boite._messages(to or who.personne.courriel)
    return [str(message["texte"]) for message in messages if message["sujet"] == sujet]


async def link(who: Titulaire, sujet: str, *, to: str | None = None) -> str:
    """The secret of the link that was mailed last."""
    texts = await eventually(lambda: mailed(who, sujet, to=to))
    found = re.search(r"\?lien=(\S+)", texts[0])
    assert found is not None
    return found[1]


async def open_directly(who: Titulaire) -> Connecte:
    """Signed in a moment ago with all its factors, without the pages."""
    deps = who.identity.deps
    now = deps.clock()
    session = Session(
        id=str(ULID()),
        compte=who.compte.id,
        preuve=Preuve(acr="3", amr=("pwd", "otp", "email"), le=now),
        expire_le=now + deps.duree_session,
        vue_le=now,
    )

    async def body(work: Work) -> None:
        await work.sessions.open(session, condensat=condensat(new_secret()))

    await deps.transact(body)
    return Connecte(session, who.compte)
