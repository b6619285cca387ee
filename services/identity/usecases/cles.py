"""The keys: read when the service opens its store; and the one that signs, changed by an operator."""

from kit.mongo.restoring import find_restoration
from kit.vault.keys import read_keys
from services.identity.deps import Deps
from services.identity.domain.audit import OPERATEUR, Acte
from services.identity.domain.cles import CleDeSignature, EtatCle, require_change, states
from services.identity.store.facteurs import has_demonstration_accounts
from services.identity.store.work import Work
from services.identity.trousseau import SIGNATURE, new_signing_key
from services.identity.usecases.audit import note


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


async def change_signing_key(deps: Deps) -> CleDeSignature:
    """Announce the next key that signs tokens; it signs, and the one before is withdrawn, as time passes.

    Keys of which nobody has any use left are forgotten.

    Raises:
        ChangementEnCours: the one announced last does not sign yet.
        Conflict: another operator has just announced one.
    """
    keys = [key for key in await read_keys(deps.database) if key.usage == SIGNATURE]
    cles, now = [CleDeSignature(key.id, key.created_at) for key in keys], deps.clock()
    require_change(cles, now=now)
    gone = [id for id, etat in states(cles, now=now).items() if etat is EtatCle.OUBLIABLE]
    clear = new_signing_key()

    async def body(work: Work) -> CleDeSignature:
        key = await work.add_key(deps.vault, SIGNATURE, clear, rank=keys[-1].rank + 1, forget=gone)
        await note(deps, work, Acte.CLE_DE_SIGNATURE_CHANGEE, par=OPERATEUR, detail={"cle": key.id})
        return CleDeSignature(key.id, key.created_at)

    return await deps.transact(body)
