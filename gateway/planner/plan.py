"""A plan: the requests to make of the subgraphs, and which of them wait for which."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Each:
    """A step of a path: every element of a list."""


@dataclass(frozen=True, slots=True)
class OfType:
    """A step of a path: the objects of one type only."""

    name: str


type Step = str | Each | OfType
type Path = tuple[Step, ...]
EACH = Each()


@dataclass(frozen=True, slots=True)
class Input:
    """A value that identifies an entity: where it lies in the answer so far, and what the subgraph calls it.

    Args:
        on: the object type it is read of, where the value may be of several.
    """

    key: str
    name: str
    below: tuple["Input", ...] = ()
    on: str | None = None


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request to a subgraph.

    Args:
        operation: its text, the same for the same plan, so that the subgraph's caches hit.
        keys: the response keys that it supplies, of the root or of each entity.
        variables: those of the client's that it uses.
        path: where its answer belongs; for an entity fetch, where the entities are.
        entity: the type the entities are asked as; None for a fetch of root fields.
        inputs: what identifies them.
        after: the numbers of the fetches of the same stage that come first.
    """

    number: int
    subgraph: str
    operation: str
    keys: tuple[str, ...]
    variables: tuple[str, ...]
    path: Path = ()
    entity: str | None = None
    inputs: tuple[Input, ...] = ()
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Stages, each after the one before: one for a query, as many as needed for a mutation's fields in their order."""

    stages: tuple[tuple[Fetch, ...], ...]
