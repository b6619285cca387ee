"""What a browser holds (three opaque cookies), and the proof that a form comes from a page of ours."""

import hmac
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from kit.errors import Refusal
from services.identity.condensats import new_secret
from services.identity.trousseau import Trousseau

_MAX_FIELDS = 20
_MAX_LENGTH = 4096


class PageExpiree(Refusal):
    """The form does not come from a page we gave to this browser, or no more."""

    code = "PAGE_EXPIREE"

    def __init__(self) -> None:
        super().__init__("Cette page n'est plus à jour : vérifiez que les cookies sont acceptés, puis recommencez.")


@dataclass(frozen=True, slots=True)
class Navigateur:
    """The cookies: `connexion` while a person signs in, `session` once it is, `appareil` by which it is known later.

    Over TLS their names have the prefix `__Host-`: no other host, and no page served in clear, can set them.
    """

    trousseau: Trousseau
    origin: str
    secure: bool
    appareil_connu: timedelta

    def connexion(self, request: Request) -> str | None:
        """The secret of the sign-in in progress, or of the page that begins one."""
        return request.cookies.get(self._name("connexion"))

    def session(self, request: Request) -> str | None:
        """The secret of the session."""
        return request.cookies.get(self._name("session"))

    def appareil(self, request: Request) -> str | None:
        """The secret by which this browser is known to the accounts that signed in with it."""
        return request.cookies.get(self._name("appareil"))

    def set_appareil(self, response: Response, secret: str) -> None:
        """Let the browser be known later, as long as a device is."""
        self._set(response, "appareil", secret, kept=self.appareil_connu)

    def set_connexion(self, response: Response, secret: str) -> None:
        self._set(response, "connexion", secret)

    def open_session(self, response: Response, secret: str) -> None:
        """Give the browser its session, under a secret that it never had before, and end the sign-in."""
        self._set(response, "session", secret)
        self._forget(response, "connexion")

    def close_session(self, response: Response) -> None:
        self._forget(response, "session")

    def visit(self, request: Request) -> str:
        """The secret of this browser's visit: that of the sign-in in progress, or a new one."""
        return self.connexion(request) or new_secret()

    def proof(self, secret: str) -> str:
        """What a form carries to prove that it comes from a page given to the holder of this cookie."""
        return self.trousseau.empreinte("formulaire", secret)

    async def form(self, request: Request, secret: str | None) -> dict[str, str]:
        """The fields of a form that one of our pages sent, from the browser that holds `secret`.

        Raises:
            PageExpiree: it comes from elsewhere.
        """
        form = await request.form(max_files=0, max_fields=_MAX_FIELDS)
        fields = {name: value[:_MAX_LENGTH] for name, value in form.items() if isinstance(value, str)}
        sender = request.headers.get("origin")
        given, expected = fields.get("preuve", ""), "" if secret is None else self.proof(secret)
        if (
            not expected
            or not hmac.compare_digest(given.encode(), expected.encode())
            or sender not in (None, self.origin)
        ):
            raise PageExpiree
        return fields

    def _set(self, response: Response, name: str, secret: str, *, kept: timedelta | None = None) -> None:
        seconds = None if kept is None else int(kept.total_seconds())
        response.set_cookie(
            self._name(name), secret, max_age=seconds, secure=self.secure, httponly=True, samesite="lax", path="/"
        )

    def _forget(self, response: Response, name: str) -> None:
        response.delete_cookie(self._name(name), secure=self.secure, httponly=True, samesite="lax", path="/")

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name
