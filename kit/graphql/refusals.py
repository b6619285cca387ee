"""Refusals as data: what a mutation answers when a rule says no."""

from types import TracebackType

import strawberry

from kit.errors import Refusal


@strawberry.federation.type(shareable=True, description="Ce qui empêche l'opération : à lire par une personne.")
class Refus:
    code: str = strawberry.field(description="Code stable, pour les programmes.")
    message: str = strawberry.field(description="Ce qui s'est passé et ce qu'il faut faire.")
    champ: str | None = strawberry.field(description="Champ de l'entrée concerné ; absent si aucun.")


class refusals:  # noqa: N801 - reads as a statement: `with refusals() as refus`
    """Collects the refusal raised in its block into the list it gives; anything else goes through."""

    def __init__(self) -> None:
        self._refus: list[Refus] = []

    def __enter__(self) -> list[Refus]:
        return self._refus

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(raised, Refusal):
            return False
        self._refus.append(Refus(code=raised.code, message=raised.message, champ=raised.champ))
        return True
