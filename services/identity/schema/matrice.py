"""The matrix of an establishment: its users, and what each may do in each rubric."""

from datetime import datetime
from typing import Self

import strawberry

from kit.graphql.connections import Connection, connection, decode_cursor, encode_cursor, page_size
from services.identity import policy
from services.identity.domain import comptes as domain
from services.identity.domain.matrice import Case, row_of
from services.identity.domain.noms import sort_key
from services.identity.schema.types import Compte, Droit, Info
from services.identity.usecases.lectures import users_of
from socle.rubriques import Niveau, Rubrique


@strawberry.type(description="Ce qu'un utilisateur peut faire dans une rubrique.")
class CaseMatrice:
    rubrique: Rubrique = strawberry.field(description="La rubrique.")
    niveau: Niveau | None = strawberry.field(
        description="Jusqu'où il va pour tout l'établissement ; absent s'il n'y peut rien."
    )
    par_role: bool = strawberry.field(
        description="Vrai si un rôle le donne ; faux si c'est un droit donné un par un, ou rien."
    )
    jusqu_au: datetime | None = strawberry.field(description="Quand ce niveau prend fin ; absent s'il est sans fin.")
    formations: list[Droit] = strawberry.field(
        description="Les droits qui vont plus loin sur une seule formation, pour les rubriques de l'offre."
    )

    @classmethod
    def of(cls, case: Case) -> Self:
        return cls(
            rubrique=case.rubrique,
            niveau=case.niveau,
            par_role=case.par_role,
            jusqu_au=case.jusqu_au,
            formations=[Droit.of(droit) for droit in case.formations],
        )


@strawberry.type(description="Un utilisateur d'un établissement, et ce qu'il peut y faire.")
class LigneMatrice:
    compte: Compte = strawberry.field(description="L'utilisateur ; s'il n'est pas actif, ses droits attendent.")
    cases: list[CaseMatrice] = strawberry.field(description="Toutes les rubriques, dans leur ordre.")

    @classmethod
    def of(cls, compte: domain.Compte, uai: str, now: datetime) -> Self:
        return cls(compte=Compte.of(compte), cases=[CaseMatrice.of(case) for case in row_of(compte, uai, now=now)])


@strawberry.type
class Matrices:
    @strawberry.field(
        description="Qui peut quoi dans un établissement : les utilisateurs que l'on y gère, par nom, et chaque "
        "rubrique ; absente si le service ne répond pas."
    )
    async def matrice_droits(
        self, info: Info, uai: strawberry.ID, first: int = 50, after: str | None = None
    ) -> Connection[LigneMatrice] | None:
        principal = policy.require_active(info.context.principal)
        cursor = decode_cursor(after, length=2)
        position = None if cursor is None else (cursor[0], cursor[1])
        page = await users_of(info.context.deps, principal, uai, first=page_size(first), after=position)
        now = info.context.deps.clock()
        return connection(
            page.rows,
            first=first,
            total=page.total,
            node=lambda compte: LigneMatrice.of(compte, uai, now),
            cursor=lambda compte: encode_cursor(sort_key(compte.nom, compte.prenom), compte.id),
        )
