"""Known devices: recognized by an opaque cookie and the place it comes from (ADR 031)."""

from collections.abc import Callable

from services.identity.deps import Deps
from services.identity.domain import appareils
from services.identity.origine import adresse
from services.identity.store.appareils import find_appareil


def device_of(deps: Deps, navigateur: str | None, compte: str) -> str:
    """What stands for an account in a browser, by the secret of the browser's cookie; of none, for nothing kept."""
    return deps.trousseau.empreinte("appareil", f"{navigateur or ''}/{compte}")


async def known_device(deps: Deps, navigateur: str | None, compte: str) -> str | None:
    """What stands for an account in a browser that it is known by; None where it is not."""
    device = device_of(deps, navigateur, compte)
    return None if await find_appareil(deps.database, device, now=deps.clock()) is None else device


def here(deps: Deps) -> str | None:
    """The fingerprint of the place that the request comes from; None outside a request."""
    return _fingerprint(deps, appareils.place)


def network(deps: Deps) -> str | None:
    """The fingerprint of the network that the request comes from; None outside a request."""
    return _fingerprint(deps, appareils.reseau)


def _fingerprint(deps: Deps, of: Callable[[str], str]) -> str | None:
    known = adresse()
    return None if known is None else deps.trousseau.empreinte("lieu", of(known))
