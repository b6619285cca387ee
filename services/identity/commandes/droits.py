"""Commands on roles and rights: an operator's, which no policy limits."""

from collections.abc import Callable
from datetime import UTC, datetime

import click

from services.identity.commandes.comptes import CLASSES, GROUPES, ROLE
from services.identity.commandes.operateur import run
from services.identity.deps import Deps
from services.identity.domain.comptes import Compte
from services.identity.usecases.comptes import find_by_address
from services.identity.usecases.droits import change_compte
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

_RUBRIQUE = click.Choice([rubrique.value for rubrique in Rubrique])
_NIVEAU = click.Choice([niveau.name for niveau in Niveau])
_COURRIEL = click.option("--courriel", required=True, help="The account's address.")


def add_to(group: click.Group) -> None:
    """Add the commands to `group`."""
    for command in (give_right, take_right, give_role, take_role):
        group.add_command(command)


@click.command("donner-droit", help="Give a right, in place of the one held on the same thing.")
@_COURRIEL
@click.option("--uai", required=True)
@click.option("--rubrique", type=_RUBRIQUE, required=True)
@click.option("--niveau", type=_NIVEAU, required=True)
@click.option("--formation", help="Of this formation only: `session/code`.")
@click.option("--jusqu-au", type=click.DateTime(), help="When it ends (UTC).")
def give_right(
    courriel: str, uai: str, rubrique: str, niveau: str, formation: str | None, jusqu_au: datetime | None
) -> None:
    """Say what became of the account."""
    droit = Droit(
        uai=uai,
        rubrique=Rubrique(rubrique),
        niveau=Niveau[niveau],
        formation=formation,
        jusqu_au=None if jusqu_au is None else jusqu_au.replace(tzinfo=UTC),
    )
    _change(courriel, lambda compte: compte.give_right(droit, now=datetime.now(UTC)))


@click.command("retirer-droit", help="Take a right away; effective everywhere within five seconds.")
@_COURRIEL
@click.option("--uai", required=True)
@click.option("--rubrique", type=_RUBRIQUE, required=True)
@click.option("--formation", help="The one on this formation only: `session/code`.")
def take_right(courriel: str, uai: str, rubrique: str, formation: str | None) -> None:
    """Say what became of the account."""
    _change(courriel, lambda compte: compte.take_right(uai, Rubrique(rubrique), formation))


@click.command("donner-role", help="Give a role.")
@_COURRIEL
@click.option("--role", type=ROLE, required=True)
@click.option("--uai")
@click.option("--academie")
@click.option("--region")
@CLASSES
@GROUPES
def give_role(
    courriel: str,
    role: str,
    uai: str | None,
    academie: str | None,
    region: str | None,
    classes: tuple[str, ...],
    groupes: tuple[str, ...],
) -> None:
    """Say what became of the account."""
    held = RoleTenu(
        role=Role(role),
        uai=uai,
        academie=academie,
        region_academique=region,
        classes=frozenset(classes),
        groupes=frozenset(groupes),
    )
    _change(courriel, lambda compte: compte.give_role(held))


@click.command("retirer-role", help="Take a role away: everywhere, or in one establishment, académie or région.")
@_COURRIEL
@click.option("--role", type=ROLE, required=True)
@click.option("--uai")
@click.option("--academie")
@click.option("--region")
def take_role(courriel: str, role: str, uai: str | None, academie: str | None, region: str | None) -> None:
    """Say what became of the account."""
    _change(courriel, lambda compte: compte.take_role(Role(role), uai=uai, academie=academie, region=region))


def _change(courriel: str, change: Callable[[Compte], Compte]) -> None:
    async def body(deps: Deps) -> tuple[Compte, Compte]:
        held = await find_by_address(deps, courriel)
        return held, await change_compte(deps, held.id, change)

    before, after = run(body)
    done = "inchangé" if after.version == before.version else "modifié"
    click.echo(f"compte {after.id} {done} : {len(after.roles)} rôles, {len(after.droits)} droits")
