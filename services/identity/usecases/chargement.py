"""Loading the accounts of a demonstration, with secrets that everybody knows."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import orjson

from kit.errors import Refusal
from services.identity.deps import Deps
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.comptes import Compte
from services.identity.domain.mots_de_passe import normalize
from services.identity.mfa.totp import is_secret
from services.identity.store.comptes import find_compte
from services.identity.store.courriels import find_owners
from services.identity.store.facteurs import Totp, find_facteurs
from services.identity.store.work import Work
from services.identity.usecases.comptes import NouveauCompte, create_compte, fingerprint, new_compte, set_password
from services.identity.usecases.droits import change_compte
from services.identity.usecases.en_cours import mobile_fingerprint
from services.identity.usecases.seconds_facteurs import totp_purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class CompteDeDemonstration:
    """An account to load: who it is for, and the secrets it is given."""

    identite: NouveauCompte
    mot_de_passe: str
    totp: str | None


class Effet(Enum):
    """What became of one account."""

    NOUVEAU = auto()
    MODIFIE = auto()
    INCHANGE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilan:
    """What a load did, and the rows it refused: rank from 1, reason."""

    nouveaux: int = 0
    modifies: int = 0
    inchanges: int = 0
    refuses: Sequence[tuple[int, str]] = ()


_AT_ONCE = 8


class SecretTotpInvalide(Refusal):
    """Not a secret that an application could use."""

    code = "SECRET_TOTP_INVALIDE"

    def __init__(self) -> None:
        super().__init__("Le secret TOTP doit compter au moins 128 bits en base 32 : corrigez-le.", champ="totp")


async def load_accounts(deps: Deps, comptes: Sequence[CompteDeDemonstration]) -> Bilan:
    """Create or change each account as it is described; again the same changes nothing and publishes nothing."""
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def load(described: CompteDeDemonstration) -> Effet | Refusal:
        async with at_once:
            try:
                return await _load_one(deps, described)
            except Refusal as refus:
                return refus

    effets = await asyncio.gather(*(load(described) for described in comptes))
    refuses = [(rank, effet.message) for rank, effet in enumerate(effets, start=1) if isinstance(effet, Refusal)]
    return Bilan(
        nouveaux=effets.count(Effet.NOUVEAU),
        modifies=effets.count(Effet.MODIFIE),
        inchanges=effets.count(Effet.INCHANGE),
        refuses=refuses,
    )


async def _load_one(deps: Deps, described: CompteDeDemonstration) -> Effet:
    if described.totp is not None and not is_secret(described.totp):
        raise SecretTotpInvalide
    wanted = new_compte(described.identite, now=deps.clock())
    held = await _find(deps, wanted.courriel)
    if held is None:
        created = await create_compte(deps, described.identite, par=OPERATEUR, mot_de_passe=described.mot_de_passe)
        await _keep_secrets(deps, created, described)
        return Effet.NOUVEAU
    same: dict[str, Any] = {"nom": wanted.nom, "prenom": wanted.prenom, "roles": wanted.roles, "droits": wanted.droits}
    same |= {} if wanted.mobile is None else {"mobile": wanted.mobile}
    compte = await change_compte(deps, held.id, lambda read: replace(read, **same))
    changed = await _give_secrets(deps, compte, described)
    return Effet.INCHANGE if compte.version == held.version and not changed else Effet.MODIFIE


async def _find(deps: Deps, courriel: str) -> Compte | None:
    key = fingerprint(deps, courriel)
    owner = (await find_owners(deps.database, [key])).get(key)
    return None if owner is None else await find_compte(deps.database, owner)


async def _give_secrets(deps: Deps, compte: Compte, described: CompteDeDemonstration) -> bool:
    """Give the secrets, and say True, where they are not the ones given last time: that spares the hash of each."""
    facteurs = await find_facteurs(deps.database, compte.id)
    if facteurs is None or facteurs.demonstration == _mark(deps, described):
        return False
    held = facteurs.mots_de_passe[0] if facteurs.mots_de_passe else None
    if not await deps.hasher.verify(held, normalize(described.mot_de_passe)):
        await set_password(deps, compte, described.mot_de_passe, par=OPERATEUR)
    await _keep_secrets(deps, compte, described)
    return True


async def _keep_secrets(deps: Deps, compte: Compte, described: CompteDeDemonstration) -> None:
    """Keep the secret of the application, that the number is its own, and the mark of a demonstration."""
    sealed = None
    if described.totp is not None:
        sealed = Totp(secret=deps.vault.seal(described.totp.encode(), purpose=totp_purpose(compte.id)), dernier_pas=0)

    async def body(work: Work) -> None:
        await work.facteurs.set_totp(compte.id, sealed)
        if described.identite.mobile is not None and compte.mobile is not None:
            await work.facteurs.set_mobile_valide(compte.id, mobile_fingerprint(deps, compte.mobile))
        await work.facteurs.set_demonstration(compte.id, _mark(deps, described))

    await deps.transact(body)


def _mark(deps: Deps, described: CompteDeDemonstration) -> str:
    """A fingerprint of the secrets, to know them again."""
    secrets = orjson.dumps([described.mot_de_passe, described.totp, described.identite.mobile])
    return deps.trousseau.empreinte("demonstration", hashlib.sha256(secrets).hexdigest())
