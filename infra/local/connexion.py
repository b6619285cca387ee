"""Signing a demonstration account in as a person would: the real pages, the real factors, PKCE (RFC 7636).

For a platform in local mode, whose mail goes to the catcher and whose accounts have known secrets.
"""

import asyncio
import base64
import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import override
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pyotp

REDIRECTION = "http://127.0.0.1:8400/retour"
_CLIENT = "ligne-de-commande"
_SCOPE = "openid profile email"
_MAIL_SECONDS = 15.0
_PAGES = 20
_PERIOD = 30


class ConnexionRefusee(Exception):
    """identity refused; the message is what its page said."""


@dataclass(frozen=True, slots=True)
class Jetons:
    """What identity gave."""

    access_token: str
    refresh_token: str
    id_token: str
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Personne:
    """Who signs in, with the secrets of the demonstration; without `totp`, by e-mailed codes alone."""

    courriel: str
    mot_de_passe: str
    totp: str | None = None


@dataclass(frozen=True, slots=True)
class Boite:
    """The mail catcher: `GET {url}/messages?destinataire=…`."""

    url: str

    async def last(self, destinataire: str) -> int:
        """The number of the newest message to that address, 0 when there is none."""
        messages = await self._messages(destinataire)
        return max((int(str(message["id"])) for message in messages), default=0)

    async def code_after(self, destinataire: str, number: int) -> str:
        """The six digits of the first message to that address after `number`.

        Raises:
            TimeoutError: none came within fifteen seconds.
        """
        async with asyncio.timeout(_MAIL_SECONDS):
            while True:
                for message in await self._messages(destinataire):
                    found = re.search(r"\b\d{6}\b", str(message["texte"]))
                    if int(str(message["id"])) > number and found:
                        return found[0]
                await asyncio.sleep(0.05)

    async def _messages(self, destinataire: str) -> list[dict[str, object]]:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.url}/messages", params={"destinataire": destinataire})
        found: list[dict[str, object]] = answer.raise_for_status().json()
        return found


@dataclass(slots=True)
class Formulaire:
    """A form of a page: where it goes, and the fields it has."""

    action: str
    champs: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """The forms of a page, what it refused, and the codes it shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.formulaires: list[Formulaire] = []
        self.codes: list[str] = []
        self.refus = ""
        self._within: list[str] = []
        self.feed(text)

    def form(self, action: str) -> Formulaire | None:
        """The form that goes there."""
        return next((f for f in self.formulaires if urlsplit(f.action).path == action), None)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.formulaires.append(Formulaire(given["action"]))
        elif tag == "input" and self.formulaires:
            self.formulaires[-1].champs[given["name"]] = given.get("value", "")
        elif given.get("role") == "alert":
            self._within.append(tag)
        elif tag == "code":
            self._within.append("code")
            self.codes.append("")

    @override
    def handle_endtag(self, tag: str) -> None:
        if self._within and tag == self._within[-1]:
            self._within.pop()

    @override
    def handle_data(self, data: str) -> None:
        if self._within and self._within[-1] == "code":
            self.codes[-1] += data
        elif self._within:
            self.refus = f"{self.refus} {data}".strip()


@dataclass(slots=True)
class Navigateur:
    """A browser that signs one person in; it keeps its cookies, so that it is recognized the next time."""

    identity_url: str
    personne: Personne
    boite: Boite
    client_id: str = _CLIENT
    _http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=30))
    _mobile: tuple[str, int] | None = None

    async def sign_in(self, **parameters: str) -> Jetons:
        """Sign in and exchange the code; `parameters` are added to the authorization request.

        Raises:
            ConnexionRefusee: identity refused, or led somewhere unexpected.
            TimeoutError: the code that it mailed did not come.
        """
        verifier = secrets.token_urlsafe(48)
        code = await self.authorize(verifier, **parameters)
        return await exchange(self._http, self.identity_url, code, verifier, self.client_id)

    async def authorize(self, verifier: str, **parameters: str) -> str:
        """Sign in, and return the authorization code.

        Raises:
            ConnexionRefusee, TimeoutError: see `sign_in`.
        """
        state = parameters.get("state") or secrets.token_urlsafe(16)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECTION,
            "scope": _SCOPE,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **parameters,
        }
        return self._code(await self.visit(f"{self.identity_url}/authorize?{urlencode(asked)}"), state)

    async def visit(self, url: str) -> str:
        """Follow a request of a client, signing in where the pages ask for it: the address that the client is told.

        Raises:
            ConnexionRefusee, TimeoutError: see `sign_in`.
        """
        seen = await self.boite.last(self.personne.courriel)
        response = await self._http.get(url)
        for _ in range(_PAGES):
            location: str = response.headers.get("location", "")
            if location.startswith(REDIRECTION):
                return location
            if response.is_redirect:
                response = await self._http.get(urljoin(str(response.url), location))
            else:
                response = await self._fill(response, seen)
        raise ConnexionRefusee("the pages lead nowhere")

    async def aclose(self) -> None:
        await self._http.aclose()

    def _code(self, location: str, state: str) -> str:
        given = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        if given.get("state") != state or given.get("iss") != self.identity_url:
            raise ConnexionRefusee("the answer is not to this request, or not from this provider")
        if "code" not in given:
            raise ConnexionRefusee(f"{given.get('error')}: {given.get('error_description', '')}")
        return given["code"]

    async def _fill(self, response: httpx.Response, seen: int) -> httpx.Response:
        """Fill the form of a page in, as the person would."""
        page = Page(response.text)
        later = page.form("/connexion/application/plus-tard")
        if later is not None:
            return await self._post(response, later)
        if (first := page.form("/connexion")) is not None and not page.refus:
            first.champs |= {"courriel": self.personne.courriel, "mot_de_passe": self.personne.mot_de_passe}
            return await self._post(response, first)
        if (renewal := page.form("/connexion/mot-de-passe")) is not None and not page.refus:
            chosen = f"{secrets.token_hex(6)} {secrets.token_hex(6)}"
            self.personne = replace(self.personne, mot_de_passe=chosen)
            renewal.champs |= {"mot_de_passe": chosen, "confirmation": chosen}
            return await self._post(response, renewal)
        if (number := page.form("/connexion/mobile/plus-tard")) is not None:
            return await self._post(response, number)
        if (asked := page.form("/connexion/numero")) is not None and not page.refus:
            # Only the catcher is ever sent anything.
            mobile = f"+3360000{secrets.randbelow(10_000):04d}"
            self._mobile = mobile, await self.boite.last(mobile)
            asked.champs["mobile"] = mobile
            return await self._post(response, asked)
        if (sending := page.form("/connexion/mobile/envoi")) is not None and not page.refus:
            return await self._prove_mobile(response, page, sending)
        if (confirmation := page.form("/connexion/confirmation")) is not None:
            return await self._post(response, confirmation)
        if (enrolment := page.form("/connexion/application")) is not None:
            enrolment.champs["code"] = pyotp.TOTP(page.codes[0].replace(" ", "")).now()
            return await self._post(response, enrolment)
        if (second := page.form("/connexion/code")) is not None:
            return await self._give_code(response, page, second, seen)
        raise ConnexionRefusee(page.refus or f"unexpected page, status {response.status_code}")

    async def _prove_mobile(self, response: httpx.Response, page: Page, sending: Formulaire) -> httpx.Response:
        if self._mobile is None:
            return await self._http.get(f"{self.identity_url}/connexion/numero")
        if (proof := page.form("/connexion/mobile")) is None:
            return await self._post(response, sending)
        proof.champs["code"] = await self.boite.code_after(*self._mobile)
        return await self._post(response, proof)

    async def _give_code(self, response: httpx.Response, page: Page, second: Formulaire, seen: int) -> httpx.Response:
        if second.champs["moyen"] == "courriel":
            if page.refus:
                raise ConnexionRefusee(page.refus)
            second.champs["code"] = await self.boite.code_after(self.personne.courriel, seen)
            return await self._post(response, second)
        if self.personne.totp is None:
            sending = page.form("/connexion/envoi")
            if sending is None:
                raise ConnexionRefusee("identity asks for the code of an application")
            return await self._post(response, sending)
        return await self._give_totp(response, second, pyotp.TOTP(self.personne.totp))

    async def _give_totp(self, response: httpx.Response, second: Formulaire, totp: pyotp.TOTP) -> httpx.Response:
        """A time step serves once: after this one, the next, which a clock slightly ahead would show."""
        step = int(time.time()) // _PERIOD
        for wanted in (step, step + 1, step + 2):
            # A step ahead is accepted, two are not: wait for that moment.
            await asyncio.sleep(max(0.0, (wanted - 1) * _PERIOD - time.time()))
            second.champs["code"] = totp.generate_otp(wanted)
            answer = await self._post(response, second)
            if answer.is_redirect:
                return answer
        raise ConnexionRefusee(Page(answer.text).refus)

    async def _post(self, response: httpx.Response, form: Formulaire) -> httpx.Response:
        return await self._http.post(
            urljoin(str(response.url), form.action), data=form.champs, headers={"origin": self.identity_url}
        )


async def exchange(http: httpx.AsyncClient, identity_url: str, code: str, verifier: str, client_id: str) -> Jetons:
    """Exchange an authorization code for tokens.

    Raises:
        ConnexionRefusee: identity refused it.
    """
    return await _tokens(
        http,
        identity_url,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECTION,
            "client_id": client_id,
            "code_verifier": verifier,
        },
    )


async def refresh(http: httpx.AsyncClient, identity_url: str, jetons: Jetons, client_id: str = _CLIENT) -> Jetons:
    """Use a refresh token: the next tokens of its family.

    Raises:
        ConnexionRefusee: identity refused it.
    """
    asked = {"grant_type": "refresh_token", "refresh_token": jetons.refresh_token, "client_id": client_id}
    return await _tokens(http, identity_url, asked)


async def _tokens(http: httpx.AsyncClient, identity_url: str, asked: dict[str, str]) -> Jetons:
    answer = await http.post(f"{identity_url}/token", data=asked)
    given = answer.json()
    if answer.status_code != 200:
        raise ConnexionRefusee(f"{given['error']}: {given.get('error_description', '')}")
    return Jetons(given["access_token"], given["refresh_token"], given.get("id_token", ""), given["expires_in"])


async def sign_in(identity_url: str, courriels_url: str, personne: Personne) -> Jetons:
    """The tokens of a demonstration account, by the client of the command line.

    Raises:
        ConnexionRefusee, TimeoutError: see `Navigateur.sign_in`.
    """
    navigateur = Navigateur(identity_url, personne, Boite(courriels_url))
    try:
        return await navigateur.sign_in()
    finally:
        await navigateur.aclose()
