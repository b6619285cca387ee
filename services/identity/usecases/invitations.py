"""Inviting a person: an account is created and its activation link mailed, in one transaction (domaine.md §3)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kit.errors import Refusal
from services.identity import policy
from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte, DroitInvalide, EtatCompte
from services.identity.domain.courriels import CourrielPris
from services.identity.domain.invitations import Invitation
from services.identity.domain.liens import DUREES, Usage
from services.identity.domain.noms import same_name
from services.identity.domain.profils import adds_to, rights_with
from services.identity.domain.tentatives import ENVOIS, INVITATIONS
from services.identity.lettres import gestion as lettres
from services.identity.lettres.lettre import Lettre
from services.identity.store.comptes import find_compte
from services.identity.store.courriels import find_owners
from services.identity.store.work import Work
from services.identity.usecases.audit import note, refusals_noted
from services.identity.usecases.avis import notify
from services.identity.usecases.changement import above, save_change, sensitive
from services.identity.usecases.comptes import NouveauCompte, create_compte, fingerprint, load, new_compte
from services.identity.usecases.lectures import find_visible
from services.identity.usecases.roles import find_place, place_of, role_detail
from services.identity.usecases.tentatives import require_try
from socle.principal import Principal, RoleTenu


class AutrePersonne(Refusal):
    """The address is that of an account under another name: one person, one account, one address."""

    code = "AUTRE_PERSONNE"

    def __init__(self) -> None:
        super().__init__(
            "Un compte a déjà cette adresse sous un autre nom : vérifiez l'adresse et l'orthographe du nom auprès de "
            "la personne.",
            champ="courriel",
        )


class DejaActive(Refusal):
    """The account is not waiting for its activation."""

    code = "DEJA_ACTIVE"

    def __init__(self) -> None:
        super().__init__(
            "Ce compte n'attend pas d'activation : s'il est désactivé, réactivez-le ; sinon sa personne se connecte, "
            "ou choisit un autre mot de passe depuis la page de connexion.",
            champ="compte",
        )


@dataclass(frozen=True, slots=True)
class Invite:
    """The account of whoever was invited; `nouveau` unless the person had one, which holds the role from now on.

    `change` is false where it held all of that already.
    """

    compte: Compte
    nouveau: bool
    change: bool = True


type AussiInvite = Callable[[Work, Invite], Awaitable[None]]
"""What else is done with an invitation, in the transaction that makes it."""


async def _nothing_else(_work: Work, _invite: Invite) -> None:
    """Nothing."""


async def invite(deps: Deps, principal: Principal | None, invitation: Invitation) -> Invite:
    """Invite a person by an e-mail that brings the activation link, or give the role to the account it has already.

    Of that account nothing is told but that it is there.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante, DroitNonDetenu: who asks may not give that there.
        NotFound: there is no such establishment.
        CourrielRefuse, NomRefuse, RoleInvalide, DroitInvalide, ProfilInvalide: what is asked cannot be.
        AutrePersonne: the address is that of an account under another name.
        CompteDesactive: the account of before is disabled.
        TropDEssais: who asks has invited too many within the hour.
    """
    role, acte = invitation.role, Acte.INVITATION_ENVOYEE
    async with sensitive(deps, principal, acte, uai=role.uai, detail=role_detail(role)) as giver:
        asked = await _examine(deps, giver, invitation)
        await require_try(deps, f"invitations/{giver.compte}", INVITATIONS)
        invited = await _invite(deps, giver, role, asked)
    deps.mail_written()
    return invited


async def invite_listed(deps: Deps, giver: Principal, invitation: Invitation, *, also: AussiInvite) -> Invite:
    """Invite a person of a list, likewise; nobody who holds all of it already is written to again.

    Whoever sent the list proved who it is when it announced it, and lists have limits of their own (ADR 035).

    Args:
        deps: the service's.
        giver: who sent the list, with the rights that it has now.
        invitation: the person, as the list has it.
        also: what else is done in the transaction that invites.

    Raises:
        As `invite`, proof and number excepted.
        CourrielPris: the address is being taken at this very moment, perhaps by a process that died.
    """
    role, acte, par = invitation.role, Acte.INVITATION_ENVOYEE, Partie.of(giver)
    async with refusals_noted(deps, acte, par=par, uai=role.uai, detail=role_detail(role)):
        asked = await _examine(deps, policy.require_active(giver), invitation)
        invited = await _invite(deps, giver, role, asked, again=False, also=also)
    deps.mail_written()
    return invited


async def _invite(
    deps: Deps,
    giver: Principal,
    role: RoleTenu,
    asked: Compte,
    *,
    again: bool = True,
    also: AussiInvite = _nothing_else,
) -> Invite:
    owner = await _owner(deps, asked.courriel)
    if owner is None:
        try:
            return await _create(deps, Partie.of(giver), role, asked, also)
        except CourrielPris:
            # Somebody else has just invited the same person.
            owner = await _owner(deps, asked.courriel)
            if owner is None:
                raise
    return await _give(deps, giver, owner, asked, again=again, also=also)


async def send_again(deps: Deps, principal: Principal | None, id: str) -> Compte:
    """Mail a new activation link to an invited account; those of before work no more.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks is not above that account.
        NotFound: it is out of sight.
        DejaActive: it is not waiting for its activation.
        TropDEssais: too many were sent to it within the hour.
    """
    async with sensitive(deps, principal, Acte.INVITATION_ENVOYEE, detail={"compte": id}) as giver:
        require_above = await above(deps, giver, await find_visible(deps, giver, id), everywhere=False)
        await require_try(deps, f"invitation/{id}", ENVOIS)

        async def body(work: Work) -> Compte:
            held = await load(work, id)
            require_above(held)
            if held.etat is not EtatCompte.INVITE:
                raise DejaActive
            await send_link(deps, work, held, again=True)
            await note(deps, work, Acte.INVITATION_ENVOYEE, par=Partie.of(giver), cible=Partie.of(held))
            return held

        sent = await deps.transact(body)
    deps.mail_written()
    return sent


async def send_link(
    deps: Deps, work: Work, compte: Compte, *, role: RoleTenu | None = None, again: bool = False
) -> None:
    """Let an activation link leave for the account, in place of those of before, if this transaction commits."""
    secret = new_secret()
    await work.liens.issue(condensat(secret), Usage.ACTIVATION, compte.id, now=deps.clock())
    lettre: Lettre
    if again or role is None:
        lettre = lettres.again(compte.prenom, adresse=deps.adresse, lien=secret)
    else:
        lettre = lettres.invitation(compte.prenom, role.role, place_of(role), adresse=deps.adresse, lien=secret)
    await notify(deps, work, compte, lettre, validite=DUREES[Usage.ACTIVATION])


async def _examine(deps: Deps, giver: Principal, invitation: Invitation) -> Compte:
    """The account as it would be created, once all that is asked may be given."""
    lieu = await find_place(deps, invitation.role)
    droits = (*invitation.droits, *rights_with(invitation.profil, invitation.role, formation=invitation.formation))
    asked = new_compte(
        NouveauCompte(
            courriel=invitation.courriel,
            nom=invitation.nom,
            prenom=invitation.prenom,
            roles=(invitation.role,),
            droits=droits,
        ),
        now=deps.clock(),
    )
    policy.require_confer(giver, invitation.role, lieu, now=deps.clock())
    for droit in droits:
        if lieu is None or droit.uai != lieu.uai:
            raise DroitInvalide(
                "Les droits d'une invitation portent sur l'établissement du rôle : donnez les autres ensuite.",
                champ="droits",
            )
        policy.require_give(giver, droit, lieu, asked, now=deps.clock())
    return asked


async def _owner(deps: Deps, courriel: str) -> Compte | None:
    key = fingerprint(deps, courriel)
    owner = (await find_owners(deps.database, [key])).get(key)
    return None if owner is None else await find_compte(deps.database, owner)


async def _create(deps: Deps, par: Partie, role: RoleTenu, asked: Compte, also: AussiInvite) -> Invite:
    async def with_link(work: Work, compte: Compte) -> None:
        await send_link(deps, work, compte, role=role)
        await note(
            deps,
            work,
            Acte.INVITATION_ENVOYEE,
            par=par,
            cible=Partie.of(compte),
            uai=role.uai,
            detail=role_detail(role),
        )
        await also(work, Invite(compte, nouveau=True))

    return Invite(await create_compte(deps, asked, par=par, also=with_link), nouveau=True)


async def _give(
    deps: Deps, giver: Principal, owner: Compte, asked: Compte, *, again: bool, also: AussiInvite
) -> Invite:
    """Give the account that the person has what was asked for it, and tell its owner; nothing it held is lowered.

    Who waits for its activation gets another link; unless `again`, only when something changed.
    """
    policy.require_other(giver, owner)
    if not (same_name(owner.nom, asked.nom) and same_name(owner.prenom, asked.prenom)):
        raise AutrePersonne
    (role,) = asked.roles
    par = Partie.of(giver)

    async def body(work: Work) -> Invite:
        held = await load(work, owner.id)
        changed = held.give_role(role)
        for droit in asked.droits:
            changed = changed.give_right(droit, now=deps.clock()) if adds_to(changed, droit) else changed
        saved = await save_change(deps, work, held, changed)
        invited = Invite(saved, nouveau=False, change=saved.version != held.version)
        if saved.etat is EtatCompte.INVITE and (again or invited.change):
            await send_link(deps, work, saved, role=role)
        elif invited.change:
            await notify(deps, work, saved, lettres.new_role(saved.prenom, role.role, place_of(role)))
        if invited.change:
            await note(
                deps, work, Acte.ROLE_DONNE, par=par, cible=Partie.of(saved), uai=role.uai, detail=role_detail(role)
            )
        await also(work, invited)
        return invited

    return await deps.transact(body)
