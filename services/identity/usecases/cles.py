"""The keys, when the service opens its store."""

from kit.mongo.restoring import find_restoration
from services.identity.deps import Deps
from services.identity.store.facteurs import has_demonstration_accounts


class SecretsDeDemonstration(RuntimeError):
    """The store holds accounts whose secrets a demonstration made known."""


class RestaurationInachevee(RuntimeError):
    """The store was restored from a backup, and what must be void is not yet."""


async def open_keys(deps: Deps, *, local: bool) -> None:
    """Read the keys; on a developer's machine, make them the first time.

    Raises:
        KeysMissing: there are none, elsewhere than on a developer's machine.
        RestaurationInachevee: what was used since the backup would serve again.
        SecretsDeDemonstration: elsewhere too, an account of the store has secrets that a demonstration made known.
    """
    restoration = await find_restoration(deps.database)
    if restoration is not None and not restoration.finished:
        raise RestaurationInachevee("the store was restored: run `python -m services.identity apres-restauration`")
    if local:
        await deps.trousseau.create_missing()
    elif await has_demonstration_accounts(deps.database):
        raise SecretsDeDemonstration("the store holds demonstration accounts, whose secrets are known: use another one")
    await deps.trousseau.load()
