"""What is done with accounts: create, activate, disable; choose a password."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ulid import ULID

from kit.errors import NotFound
from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain import courriels, mots_de_passe
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte, EtatCompte, personal_words
from services.identity.domain.liens import LienInvalide, Usage
from services.identity.domain.mobiles import parse_given, parse_number
from services.identity.domain.noms import parse_nom
from services.identity.mfa.mots_de_passe import strength
from services.identity.store.comptes import find_compte
from services.identity.store.courriels import claim, find_owners, free
from services.identity.store.facteurs import find_facteurs
from services.identity.store.liens import find_lien
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.changement import keep_administered
from socle.principal import Droit, RoleTenu


@dataclass(frozen=True, slots=True, kw_only=True)
class NouveauCompte:
    """Who an account is for, and what it holds from the start; its mobile number where it is known already."""

    courriel: str
    nom: str
    prenom: str
    roles: Sequence[RoleTenu] = ()
    droits: Sequence[Droit] = ()
    mobile: str | None = None


def fingerprint(deps: Deps, courriel: str) -> str:
    """What stands for a normalized address in keys: the address itself appears in none."""
    return deps.trousseau.empreinte("courriel", courriel)


async def find_by_address(deps: Deps, courriel: str) -> Compte:
    """The account of that address.

    Raises:
        CourrielRefuse: no account may have it.
        NotFound: no account has it.
    """
    key = fingerprint(deps, courriels.parse_address(courriel))
    owner = (await find_owners(deps.database, [key])).get(key)
    compte = None if owner is None else await find_compte(deps.database, owner)
    if compte is None:
        raise NotFound("Aucun compte n'a cette adresse : vérifiez-la.", champ="courriel")
    return compte


type Aussi = Callable[[Work, Compte], Awaitable[None]]
"""What else is done with an account, in the transaction that changes it."""


async def nothing_else(_work: Work, _compte: Compte) -> None:
    """Nothing."""


async def create_compte(
    deps: Deps,
    nouveau: NouveauCompte | Compte,
    *,
    par: Partie,
    mot_de_passe: str | None = None,
    also: Aussi = nothing_else,
) -> Compte:
    """Create an account, as `par` asks: active with a password, else invited until its owner has chosen one.

    It is described, or made already by `new_compte`.

    Raises:
        CourrielRefuse, CourrielPris, NomRefuse: its address or its name cannot be.
        RoleInvalide, DroitInvalide: what it would hold cannot be.
        MotDePasseRefuse: the password breaks a rule.
    """
    compte = nouveau if isinstance(nouveau, Compte) else new_compte(nouveau, now=deps.clock())
    hashes = [] if mot_de_passe is None else await choose_password(deps, compte, mot_de_passe)
    key = fingerprint(deps, compte.courriel)
    owners = {key: compte.id}
    if await claim(deps.database, owners):
        raise courriels.CourrielPris("Un compte a déjà cette adresse : donnez-lui des droits, ou changez d'adresse.")

    async def body(work: Work) -> Compte:
        if not await work.courriels.confirm([key], [compte.id]):
            raise courriels.CourrielPris("Un compte vient de prendre cette adresse : vérifiez-la.")
        await work.facteurs.create(compte.id, hashes, now=deps.clock())
        await note(deps, work, Acte.COMPTE_CREE, par=par, cible=Partie.of(compte))
        await also(work, compte)
        return await work.comptes.save(compte.activate() if hashes else compte)

    try:
        return await deps.transact(body)
    except BaseException:
        await free(deps.database, owners)
        raise


def new_compte(nouveau: NouveauCompte, *, now: datetime) -> Compte:
    """The account as it will be created.

    Raises:
        CourrielRefuse, NomRefuse, MobileRefuse, RoleInvalide, DroitInvalide, TropDeDroits: it cannot be.
    """
    compte = Compte(
        id=str(ULID()),
        courriel=courriels.parse_address(nouveau.courriel),
        nom=parse_nom(nouveau.nom, champ="nom"),
        prenom=parse_nom(nouveau.prenom, champ="prenom"),
        mobile=None if nouveau.mobile is None else parse_number(nouveau.mobile),
    )
    for role in nouveau.roles:
        compte = compte.give_role(role)
    for droit in nouveau.droits:
        compte = compte.give_right(droit, now=now)
    return compte


async def issue_link(deps: Deps, compte: Compte) -> str:
    """A new activation link for an account, in place of the last: the secret of its address, single use, 72 hours."""
    secret = new_secret()

    async def body(work: Work) -> None:
        await work.liens.issue(condensat(secret), Usage.ACTIVATION, compte.id, now=deps.clock())

    await deps.transact(body)
    return secret


async def owner_of_link(deps: Deps, secret: str, usage: Usage = Usage.ACTIVATION) -> Compte:
    """The account that a link is for; the link stays usable.

    Raises:
        LienInvalide: it is for none.
    """
    lien = await find_lien(deps.database, condensat(secret), usage, now=deps.clock())
    compte = None if lien is None else await find_compte(deps.database, lien.compte)
    if compte is None:
        raise LienInvalide(usage)
    return compte


async def activate(deps: Deps, secret: str, mot_de_passe: str, *, mobile: str = "") -> Compte:
    """Use an activation link: the password is chosen, the mobile number given, and the account active.

    The link proves the address. The number receives no code before it is proved, at the first sign-in.

    Raises:
        LienInvalide: the link activates no account, or no more.
        MotDePasseRefuse: the password breaks a rule; the link stays usable, here and below.
        MobileRefuse: the number is none that receives SMS; or there is none, for an administrator.
        CompteDesactive: the account was disabled meanwhile.
    """
    compte = await owner_of_link(deps, secret)
    numero = parse_given(mobile, compte.roles, a_mobile=deps.a_mobile)
    hashes = await choose_password(deps, compte, mot_de_passe)

    async def body(work: Work) -> Compte:
        used = await work.liens.use(condensat(secret), Usage.ACTIVATION, now=deps.clock())
        if used is None or used.compte != compte.id:
            raise LienInvalide(Usage.ACTIVATION)
        await work.facteurs.set_passwords(compte.id, hashes, par_courriel=True, now=deps.clock())
        await note(deps, work, Acte.COMPTE_ACTIVE, par=Partie.of(compte))
        held = await load(work, compte.id)
        return await work.comptes.save(held.activate().reach_at(numero or held.mobile))

    return await deps.transact(body)


async def set_password(deps: Deps, compte: Compte, mot_de_passe: str, *, par: Partie) -> Compte:
    """Give an account a password, as `par` asks, and activate it.

    Raises:
        MotDePasseRefuse: the password breaks a rule.
        CompteDesactive: the account is disabled.
    """
    hashes = await choose_password(deps, compte, mot_de_passe)

    async def body(work: Work) -> Compte:
        await work.facteurs.set_passwords(compte.id, hashes, par_courriel=False, now=deps.clock())
        await work.appareils.forget_all_of(compte.id, now=deps.clock())
        await note(deps, work, Acte.MOT_DE_PASSE_CHOISI, par=par, cible=Partie.of(compte))
        return await work.comptes.save((await load(work, compte.id)).activate())

    return await deps.transact(body)


async def choose_password(deps: Deps, compte: Compte, mot_de_passe: str) -> Sequence[str]:
    """The hashes to keep once `mot_de_passe` is chosen, the newest first.

    Raises:
        MotDePasseRefuse: it breaks a rule.
    """
    chosen = mots_de_passe.normalize(mot_de_passe)
    words = personal_words(compte)
    mots_de_passe.require_acceptable(chosen, force=strength(chosen, words), mots_personnels=words)
    facteurs = await find_facteurs(deps.database, compte.id)
    kept = facteurs.mots_de_passe[: mots_de_passe.RETENUS] if facteurs else ()
    for earlier in kept:
        if await deps.hasher.verify(earlier, chosen):
            raise mots_de_passe.already_used()
    return [await deps.hasher.hash(chosen), *kept][: mots_de_passe.RETENUS]


async def disable(deps: Deps, id: str, *, par: Partie) -> Compte:
    """Disable an account, as `par` asks; its sessions end at once, everywhere.

    Raises:
        NotFound: there is no such account.
    """

    async def body(work: Work) -> Compte:
        held = await load(work, id)
        if held.etat is EtatCompte.DESACTIVE:
            return held
        return await end_use(deps, work, held, par=par, last_allowed=True)

    return await deps.transact(body)


async def end_use(deps: Deps, work: Work, held: Compte, *, par: Partie, last_allowed: bool = False) -> Compte:
    """Disable an account within a transaction; its sessions end at once, everywhere, and no mailed link opens it.

    Raises:
        DernierAdministrateur: see `keep_administered`.
    """
    now, disabled = deps.clock(), held.disable()
    await keep_administered(work, held, disabled, last_allowed=last_allowed)
    await work.sign_out(held.id, now=now)
    await work.liens.void(held.id, now=now)
    await note(deps, work, Acte.COMPTE_DESACTIVE, par=par, cible=Partie.of(held))
    return await work.comptes.save(disabled)


async def load(work: Work, id: str) -> Compte:
    """The account, within a transaction.

    Raises:
        NotFound: there is none of that id.
    """
    compte = (await work.comptes.find([id])).get(id)
    if compte is None:
        raise unknown_compte()
    return compte


def unknown_compte() -> NotFound:
    """No account has that identifier."""
    return NotFound("Ce compte n'existe pas : vérifiez son identifiant.", champ="compte")
