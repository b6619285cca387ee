"""Pushed authorization requests (RFC 9126): a client leaves its request here, a browser brings its name."""

from typing import Any, override

from authlib.consts import default_json_headers
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, TokenEndpoint

from services.identity.authlib_starlette import StarletteOAuth2Request
from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain.sessions import DUREE_DEMANDE
from services.identity.oidc.authentification import METHOD
from services.identity.usecases.demandes import DemandePoussee, find_pushed, push

_PREFIX = "urn:ietf:params:oauth:request_uri:"
_OF_THE_CLIENT = frozenset({"client_assertion", "client_assertion_type", "client_secret"})
_LONGEST = 4000
"""As long as the query of a request that is not pushed may be: anybody may push one in the name of a public client."""


class Depot(TokenEndpoint):
    """The endpoint that takes them; what it keeps is the request of an authenticated client, found valid as a whole."""

    ENDPOINT_NAME = "pushed_authorization_request"
    CLIENT_AUTH_METHODS = (METHOD, "none")

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self._secret = new_secret()
        self._pushed: tuple[str, dict[str, str]] | None = None

    async def load(self, request: StarletteOAuth2Request) -> None:
        """Nothing of the store decides."""

    @override
    def create_endpoint_response(self, request: OAuth2Request) -> tuple[int, Any, Any]:
        assert isinstance(request, StarletteOAuth2Request)  # noqa: S101 - as our server reads it
        client = self.authenticate_endpoint_client(request)  # type: ignore[no-untyped-call]
        given = {name: value for name, value in request.form.items() if name not in _OF_THE_CLIENT}
        if request.args or sum(len(name) + len(value) for name, value in given.items()) > _LONGEST:
            raise InvalidRequestError(f"Expected a form, of {_LONGEST} characters at most.")
        if "request_uri" in given:
            raise InvalidRequestError("A pushed request holds no 'request_uri'.")
        if given.get("client_id") != client.get_client_id():
            raise InvalidClientError(description="Expected the 'client_id' of the client itself.")
        request.pushed = condensat(self._secret)
        try:
            grant = self.server.get_authorization_grant(request)
            grant.validate_no_multiple_request_parameter(request)
            grant.validate_authorization_request()
        except OAuth2Error as error:
            # It is the client that asks, and not yet a browser that could be sent back to it.
            error.redirect_uri = None
            raise
        self._pushed = (client.get_client_id(), given)
        body = {"request_uri": _PREFIX + self._secret, "expires_in": int(DUREE_DEMANDE.total_seconds())}
        return 201, body, default_json_headers

    async def store(self) -> None:
        assert self._pushed is not None  # noqa: S101 - it was found valid
        await push(self.server.deps, self._secret, *self._pushed)


async def find_brought(deps: Deps, request: StarletteOAuth2Request) -> DemandePoussee | None:
    """The pushed request whose reference a browser brings; None when it brings none of ours.

    Raises:
        OAuth2Error: it is no more, was used, or is another client's.
    """
    given = request.payload.data if request.payload else {}
    reference = given.get("request_uri", "")
    if not reference.startswith(_PREFIX):
        return None
    found = await find_pushed(deps, reference.removeprefix(_PREFIX))
    if found is None or found.client != given.get("client_id"):
        raise OAuth2Error("The pushed request is not valid any more.", error="invalid_request_uri")
    return found
