"""Commands on accounts: create, disable, and the keys that all else needs."""

from pathlib import Path
from typing import Any

import click

from kit.mongo import Database
from services.identity.commandes.operateur import COMMANDS, read_password, run
from services.identity.deps import Deps, make_deps
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.comptes import Compte
from services.identity.store.work import LAYOUT
from services.identity.usecases.comptes import (
    NouveauCompte,
    create_compte,
    disable,
    find_by_address,
    issue_link,
)
from services.identity.usecases.effacement import Preuve, erase_and_prove
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique


class DroitParam(click.ParamType[Droit]):
    """A right on the command line: `UAI:RUBRIQUE:NIVEAU`."""

    name = "uai:rubrique:niveau"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Droit:
        try:
            uai, rubrique, niveau = str(value).split(":")
            return Droit(uai=uai, rubrique=Rubrique(rubrique), niveau=Niveau[niveau])
        except (ValueError, KeyError):
            self.fail("attendu : UAI:RUBRIQUE:NIVEAU, par exemple 0940001X:SIECLE:ECRITURE", param, ctx)


ROLE = click.Choice([role.value for role in Role])
CLASSES = click.option("--classe", "classes", multiple=True, help="A class that a follow-up role follows; repeated.")
GROUPES = click.option("--groupe", "groupes", multiple=True, help="A group of students, likewise.")
_STDIN = click.option("--mot-de-passe-stdin", is_flag=True, help="Read the password on standard input.")
_FILE = click.option(
    "--mot-de-passe-fichier", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Read it in a file."
)


def add_to(group: click.Group) -> None:
    """Add the commands to `group`."""
    for command in (create_keys, create_first, create, disable_command, erase_command):
        group.add_command(command)


@click.command("creer-cles", help="Make the keys that are missing: of signatures, of fingerprints.")
def create_keys() -> None:
    """Twice changes nothing."""
    settings = COMMANDS.load()
    vault = settings.open_vault()

    async def body(database: Database) -> None:
        await LAYOUT.migrate(database)
        deps = make_deps(settings, database, vault)
        await deps.trousseau.create_missing()
        deps.hasher.close()

    COMMANDS.run(body)
    click.echo("clés prêtes")


@click.command("creer-admin-national", help="Create a national administrator, the first who can sign in.")
@click.option("--courriel", required=True)
@click.option("--nom", required=True)
@click.option("--prenom", required=True)
@_STDIN
@_FILE
def create_first(
    courriel: str, nom: str, prenom: str, mot_de_passe_stdin: bool, mot_de_passe_fichier: Path | None
) -> None:
    """Print the activation link, unless a password is given."""
    nouveau = NouveauCompte(courriel=courriel, nom=nom, prenom=prenom, roles=[RoleTenu(role=Role.ADMIN_NATIONAL)])
    _create(nouveau, read_password(from_stdin=mot_de_passe_stdin, file=mot_de_passe_fichier))


@click.command("creer-compte", help="Create an account with one role, or with rights one by one.")
@click.option("--courriel", required=True)
@click.option("--nom", required=True)
@click.option("--prenom", required=True)
@click.option("--role", type=ROLE)
@click.option("--uai", help="Where a role of an establishment holds.")
@click.option("--academie", help="Where a role of an académie holds: its slug.")
@click.option("--region", help="Where a role of a région académique holds: its code.")
@CLASSES
@GROUPES
@click.option("--droit", "droits", type=DroitParam(), multiple=True, help="A right; may be repeated.")
@_STDIN
@_FILE
def create(
    courriel: str,
    nom: str,
    prenom: str,
    role: str | None,
    uai: str | None,
    academie: str | None,
    region: str | None,
    classes: tuple[str, ...],
    groupes: tuple[str, ...],
    droits: tuple[Droit, ...],
    mot_de_passe_stdin: bool,
    mot_de_passe_fichier: Path | None,
) -> None:
    """Print the activation link, unless a password is given."""
    roles = []
    if role is not None:
        roles.append(
            RoleTenu(
                role=Role(role),
                uai=uai,
                academie=academie,
                region_academique=region,
                classes=frozenset(classes),
                groupes=frozenset(groupes),
            )
        )
    nouveau = NouveauCompte(courriel=courriel, nom=nom, prenom=prenom, roles=roles, droits=droits)
    _create(nouveau, read_password(from_stdin=mot_de_passe_stdin, file=mot_de_passe_fichier))


def _create(nouveau: NouveauCompte, password: str | None) -> None:
    async def body(deps: Deps) -> tuple[Compte, str | None]:
        compte = await create_compte(deps, nouveau, par=OPERATEUR, mot_de_passe=password)
        return compte, None if compte.actif else await issue_link(deps, compte)

    compte, secret = run(body)
    click.echo(f"compte {compte.id}")
    if secret is not None:
        click.echo(f"lien d'activation, valable une fois pendant 72 heures : {_address(secret)}")


def _address(secret: str) -> str:
    return f"{COMMANDS.load().identity_url}/activation?lien={secret}"


@click.command("desactiver-compte", help="Disable an account; its sessions end everywhere at once.")
@click.option("--courriel", required=True)
def disable_command(courriel: str) -> None:
    """Twice changes nothing."""

    async def body(deps: Deps) -> Compte:
        return await disable(deps, (await find_by_address(deps, courriel)).id, par=OPERATEUR)

    click.echo(f"compte {run(body).id} désactivé")


@click.command("effacer-personne", help="Erase an account and its person, then prove it by searching the whole store.")
@click.option("--compte", required=True, help="Its identifier.")
def erase_command(compte: str) -> None:
    """Say what was searched and found; status 1 if anything is left. Again, it only proves."""

    async def body(deps: Deps) -> Preuve:
        return await erase_and_prove(deps, compte, par=OPERATEUR)

    preuve = run(body)
    for collection, rows in preuve.restes.items():
        click.echo(f"il en reste dans {collection} : {rows}", err=True)
    if preuve.a_publier:
        click.echo(f"{preuve.a_publier} événements attendent d'être publiés, sans nom ni adresse")
    if preuve.restes:
        raise SystemExit(1)
    click.echo(f"compte {compte} effacé : il n'en reste que l'identifiant, dans le journal d'audit")
