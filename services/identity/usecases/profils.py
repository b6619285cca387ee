"""Giving many rights at once: by a profile, or as a colleague has them (issue 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain import profils
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.profils import (
    Motif,
    NonCopie,
    Profil,
    adds_to,
    contents,
    is_within,
    rights_to_copy,
)
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.changement import lieu_of, save_change, sensitive
from services.identity.usecases.comptes import load
from services.identity.usecases.droits import exact
from services.identity.usecases.lectures import find_visible
from socle.principal import Droit, Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A profile to give: to whom, where, on what, until when."""

    compte: str
    uai: str
    profil: Profil
    formation: str | None = None
    classes: frozenset[str] = frozenset()
    jusqu_au: datetime | None = None


async def give_profile(deps: Deps, principal: Principal | None, attribution: Attribution) -> Compte:
    """Give all that a profile is made of, or nothing of it where who asks does not hold some part.

    Nothing that the account held is lowered or shortened by it.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks may not manage that account's rights there.
        NotFound: no such account or establishment is in sight.
        DroitNonDetenu: who asks does not hold all of it.
        ProfilInvalide, RoleInvalide, DroitInvalide, CompteDesactive: it cannot be given.
    """
    uai, profil, id = attribution.uai, attribution.profil, attribution.compte
    asked = {"profil": profil.value} | ({"formation": attribution.formation} if attribution.formation else {})
    async with sensitive(deps, principal, Acte.PROFIL_DONNE, uai=uai, detail={"compte": id, **asked}) as giver:
        jusqu_au = None if attribution.jusqu_au is None else exact(attribution.jusqu_au)
        don = contents(profil, uai, formation=attribution.formation, classes=attribution.classes, jusqu_au=jusqu_au)
        await find_visible(deps, giver, id)
        lieu = await lieu_of(deps, uai)

        async def body(work: Work) -> Compte:
            now, held = deps.clock(), await load(work, id)
            changed = held
            for role in don.roles:
                policy.require_confer(giver, role, lieu, now=now)
                policy.require_other(giver, held)
                changed = changed.give_role(role)
            for droit in don.droits:
                policy.require_give(giver, droit, lieu, held, now=now)
                changed = changed.give_right(droit, now=now) if adds_to(held, droit) else changed
            saved = await save_change(deps, work, held, changed)
            if saved.version != held.version:
                detail = asked | ({"jusqu_au": jusqu_au.isoformat()} if jusqu_au else {})
                cible = Partie.of(saved)
                await note(deps, work, Acte.PROFIL_DONNE, par=Partie.of(giver), cible=cible, uai=uai, detail=detail)
            return saved

        return await deps.transact(body)


@dataclass(frozen=True, slots=True)
class Copie:
    """What became of the account, and the rights of the colleague that it neither had nor was given."""

    compte: Compte
    non_copies: Sequence[NonCopie]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modele:
    """Whose rights are copied, for whom, where; until when at the latest."""

    de: str
    vers: str
    uai: str
    jusqu_au: datetime | None = None


async def copy_rights(deps: Deps, principal: Principal | None, modele: Modele) -> Copie:
    """Give an account the rights that a colleague holds there one by one, of those that who asks holds.

    Nothing that it held is taken away or lowered. Roles are not copied: they say who a person is.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks may not manage these accounts' rights there.
        NotFound: no such account or establishment is in sight.
        DroitInvalide, CompteDesactive: nothing can be given.
    """
    uai = modele.uai
    asked = {"de": modele.de}
    async with sensitive(
        deps, principal, Acte.DROITS_COPIES, uai=uai, detail={"compte": modele.vers, **asked}
    ) as giver:
        jusqu_au = None if modele.jusqu_au is None else exact(modele.jusqu_au)
        for id in (modele.de, modele.vers):
            await find_visible(deps, giver, id)
        lieu = await lieu_of(deps, uai)

        async def body(work: Work) -> Copie:
            now = deps.clock()
            de, held = await load(work, modele.de), await load(work, modele.vers)
            for compte in (de, held):
                policy.require_manage(giver, lieu, compte, now=now)
            changed, left, given = held, list[NonCopie](), list[Droit]()
            for droit in rights_to_copy(de, uai, now=now, jusqu_au=jusqu_au):
                if is_within(held, droit):
                    continue
                if not adds_to(held, droit):
                    left.append(NonCopie(droit, Motif.DEJA_DETENU_AUTREMENT))
                    continue
                try:
                    policy.require_give(giver, droit, lieu, held, now=now)
                except policy.DroitNonDetenu:
                    left.append(NonCopie(droit, Motif.NON_DETENU))
                    continue
                changed = changed.give_right(droit, now=now)
                given.append(droit)
            saved = await save_change(deps, work, held, changed)
            if saved.version != held.version:
                detail = asked | {"droits": profils.said(given)}
                cible = Partie.of(saved)
                await note(deps, work, Acte.DROITS_COPIES, par=Partie.of(giver), cible=cible, uai=uai, detail=detail)
            return Copie(saved, left)

        return await deps.transact(body)
