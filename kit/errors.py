"""What can go wrong, named once: every transport (GraphQL, gRPC, HTTP, command line) translates these and only these.

A `Refusal` is a rule of the domain saying no: expected, and shown to the person as it is. The others are about
who is asking (`Unauthenticated`, `Forbidden`) or about the platform (`Unavailable`). Whatever else is raised is
a bug: it is logged, and masked to the outside.
"""

from collections.abc import Mapping
from typing import ClassVar


class Refusal(Exception):
    """A rule says no. The message is French, one sentence: what happened and what to do.

    Args:
        message: for the person who asked.
        champ: the input field it is about, when it is about one.
    """

    code: ClassVar[str] = "REFUSE"

    def __init__(self, message: str, *, champ: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.champ = champ


class NotFound(Refusal):
    """Nothing of that identifier is within the caller's sight: absent and hidden are answered alike."""

    code = "INTROUVABLE"


class Conflict(Refusal):
    """The thing was changed by somebody else since it was read (its version is stale)."""

    code = "CONFLIT"


class Unauthenticated(Exception):
    """No access token, or one that is expired, forged or revoked."""

    code: ClassVar[str] = "NON_AUTHENTIFIE"

    def __init__(self, message: str = "Votre session n'est pas valide ou a expiré : reconnectez-vous.") -> None:
        super().__init__(message)
        self.message = message


class Forbidden(Exception):
    """A known caller without the right.

    Args:
        extensions: what a program needs to know beside the code, to get it: public, as the message is.
    """

    code: ClassVar[str] = "NON_AUTORISE"

    def __init__(
        self,
        message: str = "Vous n'avez pas le droit nécessaire : demandez-le à l'administrateur de votre établissement.",
        *,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.extensions = extensions or {}


class Unavailable(Exception):
    """Something this service depends on does not answer; the same request may succeed later."""

    code: ClassVar[str] = "INDISPONIBLE"

    def __init__(self, message: str = "Le service est momentanément indisponible : réessayez dans un instant.") -> None:
        super().__init__(message)
        self.message = message


PUBLIC_ERRORS = (Refusal, Unauthenticated, Forbidden, Unavailable)
"""Those whose message may leave the service."""
