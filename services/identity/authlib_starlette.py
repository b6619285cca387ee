"""What Authlib lacks for Starlette: its authorization server is synchronous, and knows Flask and Django only.

Authlib decides; it is never made to wait. A grant or an endpoint that needs a store is therefore asked three times:
`load` reads all that the decision may need, Authlib's own methods decide and remember, and `store` writes what was
decided. A response leaves only after `store`, which may still refuse.
"""

import logging
from collections.abc import Collection, Mapping
from typing import Any, Protocol, Self, override

from authlib.oauth2 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.base import invalid_error_characters
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Payload
from starlette.datastructures import Headers, ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

# At this level Authlib writes the tokens themselves.
logging.getLogger("authlib").setLevel(logging.INFO)

_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 50
_QUOTED_IN_ERRORS = ("client_id", "grant_type", "redirect_uri", "response_type", "scope")


class StarlettePayload(OAuth2Payload):
    """The parameters of a request, from its query and its form."""

    def __init__(self, parameters: ImmutableMultiDict[str, str]) -> None:
        self._data = dict(parameters)
        self._datalist = {name: parameters.getlist(name) for name in parameters}

    @property
    @override
    def data(self) -> dict[str, str]:
        return self._data

    @property
    @override
    def datalist(self) -> dict[str, list[str]]:
        return self._datalist


class StarletteOAuth2Request(OAuth2Request):
    """A request whose form was read, as Authlib wants it."""

    def __init__(self, method: str, uri: str, headers: Mapping[str, str], *, query: Any, form: Any) -> None:
        super().__init__(method, uri, headers=headers)
        self._args = dict(query)
        self._form_fields = dict(form)
        self.payload = StarlettePayload(ImmutableMultiDict([*query.multi_items(), *form.multi_items()]))
        self.spent: dict[str, tuple[float, float]] = {}
        """What this request used up by showing it: since when it exists, and until when it would be believed."""
        self.pushed: str | None = None
        """Under which name the server keeps it, where the client pushed it (RFC 9126)."""

    @classmethod
    async def read(cls, request: Request, *, base_url: str) -> "StarletteOAuth2Request":
        """Read a request, whose public address begins with `base_url` (a proxy may have ended TLS).

        Raises:
            InvalidRequestError: a form of another type, a file in it, a parameter given twice (RFC 6749 §3.1 and
                §3.2), or one with characters that it cannot have.
        """
        form: ImmutableMultiDict[str, Any] = ImmutableMultiDict()
        if request.method == "POST":
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
                raise InvalidRequestError(f"Expected a form of type {_FORM}.")
            form = await request.form(max_files=0, max_fields=_MAX_FIELDS)
        query = request.query_params
        for name, value in [*query.multi_items(), *form.multi_items()]:
            if len(query.getlist(name)) + len(form.getlist(name)) > 1:
                raise InvalidRequestError("A parameter is given more than once.")
            # Authlib quotes these in error descriptions, which then refuse to hold other characters.
            if name in _QUOTED_IN_ERRORS and invalid_error_characters(value):
                raise InvalidRequestError(f"Malformed '{name}'.")
        return cls(request.method, base_url + request.url.path, request.headers, query=query, form=form)

    def all_of(self, header: str) -> list[str]:
        """Every value of a header that was sent, however often."""
        assert isinstance(self.headers, Headers)  # noqa: S101 - as `read` gives them
        return self.headers.getlist(header)

    def as_pushed(self, parameters: Mapping[str, str], *, name: str) -> Self:
        """The same request with the parameters that its client pushed, and no other."""
        pushed = type(self)(
            self.method,
            self.uri,
            self.headers or {},
            query=ImmutableMultiDict(parameters),
            form=ImmutableMultiDict[str, str](),
        )
        pushed.pushed = name
        return pushed

    @property
    @override
    def args(self) -> dict[str, str | None]:
        return self._args

    @property
    @override
    def form(self) -> dict[str, str]:
        return self._form_fields


class OAuth2Response(Response):
    """A response with the `location` that Authlib's extensions read and write."""

    @property
    def location(self) -> str | None:
        return self.headers.get("location")

    @location.setter
    def location(self, value: str) -> None:
        self.headers["location"] = value


class Stored(Protocol):
    """A grant or endpoint over an asynchronous store."""

    async def load(self) -> None:
        """Read whatever deciding may need."""

    async def store(self) -> None:
        """Write what was decided; may raise an `OAuth2Error`, which is then the answer."""


class StarletteAuthorizationServer(AuthorizationServer):
    """Authlib's authorization server, for Starlette; subclasses say `query_client`."""

    def __init__(self, *, base_url: str, scopes_supported: Collection[str]) -> None:
        super().__init__(scopes_supported)
        self.base_url = base_url

    async def token_response(self, request: Request) -> Response:
        """Answer a request to the token endpoint."""
        oauth_request = None
        try:
            oauth_request = await StarletteOAuth2Request.read(request, base_url=self.base_url)
            grant: Any = self.get_token_grant(oauth_request)
            await grant.load()
            grant.validate_token_request()
            answer = grant.create_token_response()
            await self.spend(oauth_request)
            await grant.store()
        except OAuth2Error as error:
            if oauth_request is not None:
                await self.refused(oauth_request, error)
            return self.error_response(error)
        return self.handle_response(*answer)

    async def refused(self, request: StarletteOAuth2Request, error: OAuth2Error) -> None:
        """Called with each request to the token or another endpoint that is refused, before it is answered."""

    async def spend(self, request: StarletteOAuth2Request) -> None:
        """Write what the request used up (the `jti` of an assertion), before anything else that was decided.

        Raises:
            OAuth2Error: it was used before; that is then the answer, and nothing is written.
        """

    def consent_grant(self, request: OAuth2Request, user: object) -> Any:
        """The grant that a request to the authorization endpoint asks for, once it is found valid.

        Raises:
            OAuth2Error: it is not; with `redirect_uri` where the client may be told.
        """
        return self.get_consent_grant(request, end_user=user)  # type: ignore[no-untyped-call]

    async def authorization_response(self, grant: Any, user: object) -> Response:
        """Answer a request to the authorization endpoint, that `consent_grant` found valid, for `user`.

        Raises:
            OAuth2Error: it is refused after all, and the client cannot be told.
        """
        try:
            answer = grant.create_authorization_response(grant.validate_authorization_request(), user)
            await grant.store()
        except OAuth2Error as error:
            error.state = grant.request.payload.state
            if not error.redirect_uri:
                raise
            return self.error_response(error)
        response = self.handle_response(*answer)
        self.execute_hook("after_create_authorization_response", response)
        return response

    async def endpoint_response(self, endpoint: Any, request: Request) -> Response:
        """Answer a request to another endpoint, made for this request alone."""
        oauth_request = None
        try:
            oauth_request = await StarletteOAuth2Request.read(request, base_url=self.base_url)
            await endpoint.load(oauth_request)
            answer = endpoint.create_endpoint_response(oauth_request)
            await self.spend(oauth_request)
            await endpoint.store()
        except OAuth2Error as error:
            if oauth_request is not None:
                await self.refused(oauth_request, error)
            return self.error_response(error)
        return self.handle_response(*answer)

    def error_response(self, error: OAuth2Error) -> Response:
        """Answer with an error, to the client where it may be told (with `iss`, which RFC 9207 asks for errors too)."""
        response = self.handle_response(*error())
        self.execute_hook("after_create_authorization_response", response)
        return response

    @override
    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    @override
    def handle_response(self, status: int, body: Any, headers: Any) -> OAuth2Response:
        content = JSONResponse(body).body if isinstance(body, dict) else str(body).encode()
        return OAuth2Response(bytes(content), status_code=status, headers=dict(headers))

    @override
    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Authlib's signals have no listener here."""
