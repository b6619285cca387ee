"""Giving and taking roles, and where they hold (domaine.md §1 and §3)."""

from collections.abc import Callable, Mapping

from kit.errors import NotFound
from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte, check_place
from services.identity.lettres import gestion as lettres
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.avis import notify
from services.identity.usecases.changement import lieu_of, save_change, sensitive
from services.identity.usecases.comptes import load
from services.identity.usecases.lectures import find_visible
from socle.academies import ACADEMIES
from socle.principal import Lieu, Principal, RoleTenu

_SLUGS = frozenset(academie.slug for academie in ACADEMIES)
_REGIONS = frozenset(academie.region_academique for academie in ACADEMIES if academie.region_academique)
_NOMS = {academie.slug: academie.nom for academie in ACADEMIES}
_NOMS_DE_REGIONS = {academie.region_academique: academie.nom_region_academique for academie in ACADEMIES}


async def give_role(deps: Deps, principal: Principal | None, compte: str, role: RoleTenu) -> Compte:
    """Give a role to an account in sight, in place of the same one in the same place; its owner is told.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante, DroitNonDetenu: who asks may not give it there, or to itself.
        NotFound: no such account or establishment is in sight.
        RoleInvalide, CompteDesactive: it cannot be given.
    """

    def change(held: Compte, lieu: Lieu | None, giver: Principal) -> Compte:
        policy.require_confer(giver, role, lieu, now=deps.clock())
        policy.require_other(giver, held)
        return held.give_role(role)

    return await _change(deps, principal, compte, role, change, acte=Acte.ROLE_DONNE)


async def take_role(deps: Deps, principal: Principal | None, compte: str, role: RoleTenu) -> Compte:
    """Take a role away in the place it names; one that is not held changes nothing.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks may not take such a role away there.
        NotFound: no such account or establishment is in sight.
        RoleInvalide: no such role holds in such a place.
        DernierAdministrateur: the establishment would have no administrator any more.
    """

    def change(held: Compte, lieu: Lieu | None, taker: Principal) -> Compte:
        policy.require_name(taker, role, lieu, now=deps.clock())
        return held.take_role(role.role, uai=role.uai, academie=role.academie, region=role.region_academique)

    return await _change(deps, principal, compte, role, change, acte=Acte.ROLE_RETIRE)


async def _change(
    deps: Deps,
    principal: Principal | None,
    compte: str,
    role: RoleTenu,
    change: Callable[[Compte, Lieu | None, Principal], Compte],
    *,
    acte: Acte,
) -> Compte:
    said = role_detail(role)
    async with sensitive(deps, principal, acte, uai=role.uai, detail={"compte": compte, **said}) as giver:
        await find_visible(deps, giver, compte)
        lieu = await find_place(deps, role)

        async def body(work: Work) -> Compte:
            held = await load(work, compte)
            changed = await save_change(deps, work, held, change(held, lieu, giver))
            if changed.version != held.version:
                # What was taken away still says at whose level, and where.
                cible = Partie.of(held if acte is Acte.ROLE_RETIRE else changed)
                await note(deps, work, acte, par=Partie.of(giver), cible=cible, uai=role.uai, detail=said)
                if acte is Acte.ROLE_DONNE:
                    await notify(deps, work, changed, lettres.new_role(changed.prenom, role.role, place_of(role)))
            return changed

        changed = await deps.transact(body)
    deps.mail_written()
    return changed


async def find_place(deps: Deps, role: RoleTenu) -> Lieu | None:
    """Where a role holds, once it is one that can; None for a role of an académie, a région, or the nation.

    Raises:
        RoleInvalide: it cannot hold there.
        NotFound: there is no such establishment, académie or région.
    """
    check_place(role)
    if role.academie is not None and role.academie not in _SLUGS:
        raise NotFound("Cette académie n'existe pas : écrivez son nom court, comme « creteil ».", champ="academie")
    if role.region_academique is not None and role.region_academique not in _REGIONS:
        raise NotFound("Cette région académique n'existe pas : vérifiez son code.", champ="regionAcademique")
    return None if role.uai is None else await lieu_of(deps, role.uai)


def place_of(role: RoleTenu) -> str:
    """Where a role holds, as one says it after the role."""
    if role.uai is not None:
        return f"de l'établissement {role.uai}"
    if role.academie is not None:
        return f"de l'académie « {_NOMS[role.academie]} »"
    if role.region_academique is not None:
        return f"de la région académique « {_NOMS_DE_REGIONS[role.region_academique]} »"
    return ""


def role_detail(role: RoleTenu) -> Mapping[str, str]:
    """What the trail says of a role."""
    said = {"role": role.role.value, "academie": role.academie, "region": role.region_academique}
    return {name: value for name, value in said.items() if value}
