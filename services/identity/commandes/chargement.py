"""`charger-comptes`: the accounts of a demonstration, from JSON on standard input."""

import sys
from typing import Literal

import click
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from kit.settings import Mode
from services.identity.commandes.operateur import COMMANDS, run
from services.identity.deps import Deps
from services.identity.usecases.chargement import Bilan, CompteDeDemonstration, load_accounts
from services.identity.usecases.comptes import NouveauCompte
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique


class _Ligne(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LigneRole(_Ligne):
    """A role and where it holds."""

    role: Role
    uai: str | None = None
    academie: str | None = None
    region_academique: str | None = None
    classes: tuple[str, ...] = ()
    groupes: tuple[str, ...] = ()


class LigneDroit(_Ligne):
    """A right."""

    uai: str
    rubrique: Rubrique
    niveau: Literal["LECTURE", "ECRITURE"]
    formation: str | None = None
    jusqu_au: AwareDatetime | None = None


class LigneCompte(_Ligne):
    """An account, with the secrets of the demonstration."""

    courriel: str
    nom: str
    prenom: str
    mot_de_passe: str
    totp: str | None = None
    mobile: str | None = None
    roles: tuple[LigneRole, ...] = ()
    droits: tuple[LigneDroit, ...] = ()

    def compte(self) -> CompteDeDemonstration:
        """What it describes."""
        identite = NouveauCompte(
            courriel=self.courriel,
            nom=self.nom,
            prenom=self.prenom,
            mobile=self.mobile,
            roles=[
                RoleTenu(
                    role=role.role,
                    uai=role.uai,
                    academie=role.academie,
                    region_academique=role.region_academique,
                    classes=frozenset(role.classes),
                    groupes=frozenset(role.groupes),
                )
                for role in self.roles
            ],
            droits=[
                Droit(
                    uai=droit.uai,
                    rubrique=droit.rubrique,
                    niveau=Niveau[droit.niveau],
                    formation=droit.formation,
                    jusqu_au=droit.jusqu_au,
                )
                for droit in self.droits
            ],
        )
        return CompteDeDemonstration(identite=identite, mot_de_passe=self.mot_de_passe, totp=self.totp)


_LIGNES = TypeAdapter(tuple[LigneCompte, ...])


@click.command("charger-comptes", help="Load demonstration accounts, JSON on standard input; again changes nothing.")
def load_command() -> None:
    """Only locally: the secrets of these accounts are known to all."""
    if COMMANDS.load().mode is not Mode.LOCAL:
        raise SystemExit("charger-comptes gives accounts secrets that everybody knows: MODE=local only")
    described = [line.compte() for line in read_lines(sys.stdin.buffer.read())]

    async def body(deps: Deps) -> Bilan:
        return await load_accounts(deps, described)

    bilan = run(body)
    click.echo(f"comptes : {bilan.nouveaux} nouveaux, {bilan.modifies} modifiés, {bilan.inchanges} inchangés")
    for rank, reason in bilan.refuses:
        click.echo(f"  compte n° {rank} refusé : {reason}", err=True)
    if bilan.refuses:
        raise SystemExit(1)


def read_lines(content: bytes) -> tuple[LigneCompte, ...]:
    """The accounts that a JSON array describes.

    Raises:
        SystemExit: it is not one; the message says where, and never quotes a secret.
    """
    try:
        return _LIGNES.validate_json(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the whole"
        raise SystemExit(f"standard input, {where}: {problem['msg']}") from None
