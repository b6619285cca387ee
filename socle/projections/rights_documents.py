"""Roles and rights as stores keep them: identity's own, and the copy every service has."""

from collections.abc import Sequence

from kit.mongo import Document
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique


def read_roles(documents: Sequence[Document]) -> tuple[RoleTenu, ...]:
    """The roles that a store holds."""
    return tuple(
        RoleTenu(
            role=Role(document["role"]),
            uai=document["uai"],
            academie=document["academie"],
            region_academique=document["region_academique"],
            classes=frozenset(document["classes"]),
            groupes=frozenset(document["groupes"]),
        )
        for document in documents
    )


def read_droits(documents: Sequence[Document]) -> tuple[Droit, ...]:
    """The rights that a store holds."""
    return tuple(
        Droit(
            uai=document["uai"],
            rubrique=Rubrique(document["rubrique"]),
            niveau=Niveau[document["niveau"]],
            formation=document["formation"],
            jusqu_au=document["jusqu_au"],
        )
        for document in documents
    )
