"""Rendering pages: French, under a policy that allows no script but, where keys are asked for, our own."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from kit.errors import Refusal

_FOLDER = Path(__file__).parent
_POLICY = "content-security-policy"
_FILES = {
    "style.css": ("text/css", (_FOLDER / "style.css").read_bytes()),
    "cles.js": ("text/javascript", (_FOLDER / "cles.js").read_bytes()),
    "favicon.svg": ("image/svg+xml", (_FOLDER / "favicon.svg").read_bytes()),
}


class Rendu:
    """Makes pages of templates.

    `form_ends` are the origins that a form may end at, by redirection: ourselves, and the clients that people are sent
    back to. Without them browsers would hold the person here after the last step.
    """

    def __init__(self, *, form_ends: Iterable[str], secure: bool) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER / "gabarits"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        policy = (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action {' '.join(["'self'", *sorted(form_ends)])}"
        )
        self._headers = {
            _POLICY: policy,
            "x-frame-options": "DENY",
            "x-content-type-options": "nosniff",
            # An activation link must not leave with a click; `no-referrer` would take the origin of forms away too.
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
            "cache-control": "no-store",
        }
        if secure:
            self._headers["strict-transport-security"] = "max-age=63072000; includeSubDomains"

    def page(
        self, gabarit: str, *, status: int = 200, refus: Refusal | None = None, script: bool = False, **context: Any
    ) -> Response:
        """The page of a template; with `refus` (status 422), it says what was refused, at the field it is about.

        With `script`, our own module may run there: the one that speaks to the browser's keys.
        """
        text = self._templates.get_template(f"{gabarit}.html").render(refus=refus, script=script, **context)
        headers = self._headers | ({_POLICY: f"{self._headers[_POLICY]}; script-src 'self'"} if script else {})
        return HTMLResponse(text, status_code=status if refus is None else 422, headers=headers)

    def error(self, titre: str, texte: str, *, status: int = 400, detail: str | None = None) -> Response:
        """A page that says what went wrong and what to do; `detail` is for who maintains the calling application."""
        return self.page("erreur", status=status, titre=titre, texte=texte, detail=detail)


def file(name: str) -> Response:
    """The style sheet, the icon or the script of pages."""
    media_type, content = _FILES[name]
    headers = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)


def trusted(svg: str) -> Markup:
    """An element that we drew ourselves, to be shown and not quoted."""
    return Markup(svg)  # noqa: S704 - made by `mfa.totp.qr_svg`, never of what a person typed
