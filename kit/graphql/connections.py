"""Lists as Relay connections: pages stay in place while rows come and go, for a cursor names a row, not a rank."""

import base64
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import strawberry

from kit.errors import Refusal

MAX_PAGE = 100

# Strawberry reads the parameters of generic types from `Generic`, not from the newer syntax.
T = TypeVar("T")


class PageRefusee(Refusal):
    """A page that cannot be given: too long, or after a cursor that is none of ours."""

    code = "PAGE_INVALIDE"


@strawberry.federation.type(shareable=True, description="Où l'on en est dans une liste.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Vrai s'il reste des éléments après cette page.")
    end_cursor: str | None = strawberry.field(
        description="Curseur du dernier élément, à donner dans `after` ; absent si la page est vide."
    )


@strawberry.type(description="Un élément d'une liste et son curseur.")
class Edge(Generic[T]):  # noqa: UP046
    node: T = strawberry.field(description="L'élément.")
    cursor: str = strawberry.field(description="Le repère de l'élément dans la liste.")


@strawberry.type(description="Une page d'une liste.")
class Connection(Generic[T]):  # noqa: UP046
    edges: list[Edge[T]] = strawberry.field(description="Les éléments de la page, dans l'ordre.")
    page_info: PageInfo = strawberry.field(description="Où l'on en est dans la liste.")
    total_count: int = strawberry.field(description="Le nombre d'éléments de toute la liste.")


def encode_cursor(*keys: str) -> str:
    """The cursor of a row sorted by `keys`, the last of which is unique."""
    return base64.urlsafe_b64encode("\x00".join(keys).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *, length: int) -> tuple[str, ...] | None:
    """The keys of a cursor, None when there is none.

    Raises:
        PageRefusee: it is not a cursor of `length` keys.
    """
    if cursor is None:
        return None
    try:
        keys = tuple(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\x00"))
    except ValueError as error:
        raise PageRefusee("Le curseur `after` n'est pas valide : reprenez la liste au début.") from error
    if len(keys) != length:
        raise PageRefusee("Le curseur `after` n'est pas valide : reprenez la liste au début.")
    return keys


def page_size(first: int) -> int:
    """`first` when it may be asked for.

    Raises:
        PageRefusee: it is not between 1 and 100.
    """
    if not 1 <= first <= MAX_PAGE:
        raise PageRefusee(f"`first` doit être compris entre 1 et {MAX_PAGE}.", champ="first")
    return first


def connection[R, N](
    rows: Sequence[R], *, first: int, total: int, node: Callable[[R], N], cursor: Callable[[R], str]
) -> Connection[N]:
    """A page made of `rows`, of which one more than `first` was read to know whether there is a next page."""
    shown = rows[:first]
    edges = [Edge(node=node(row), cursor=cursor(row)) for row in shown]
    return Connection(
        edges=edges,
        page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=edges[-1].cursor if edges else None),
        total_count=total,
    )
