"""Three real subgraphs of a small shop, to answer federated operations over: catalogue, stock and avis."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp
from strawberry.asgi import GraphQL

PRODUITS = {"p1": ("Table", 20), "p2": ("Lampe", 3), "p3": ("Chaise", 8)}
AVIS = {"a1": ("p1", 5, "Solide"), "a2": ("p1", 3, "Lourde"), "a3": ("p3", 4, "Belle")}


@dataclass(slots=True)
class Seen:
    """What a subgraph was asked."""

    operations: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    representations: list[int] = field(default_factory=list)


# catalogue: products, their weight, and what is searched


@strawberry.federation.type(keys=["id"])
class Produit:
    id: strawberry.ID
    nom: str
    poids: int

    @classmethod
    def of(cls, id: str) -> Self:
        nom, poids = PRODUITS[id]
        return cls(id=strawberry.ID(id), nom=nom, poids=poids)

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Self | None:
        return cls.of(id) if id in PRODUITS else None


@strawberry.type
class Rayon:
    nom: str
    produits: list[Produit]


@strawberry.type
class Catalogue:
    @strawberry.field
    def produit(self, id: strawberry.ID) -> Produit | None:
        if id == "panne":
            raise ValueError("le catalogue a une panne")
        return Produit.of(id) if id in PRODUITS else None

    @strawberry.field
    def produits(self, premiers: int = 10) -> list[Produit]:
        return [Produit.of(id) for id in list(PRODUITS)[:premiers]]

    @strawberry.field
    def cherche(self, texte: str) -> list[Annotated[Produit | Rayon, strawberry.union("Trouve")]]:
        found = [Produit.of(id) for id, (nom, _) in PRODUITS.items() if texte in nom.lower()]
        return [Rayon(nom=texte, produits=found), *found]


@strawberry.type
class CatalogueMutation:
    @strawberry.mutation
    def renomme(self, info: strawberry.Info[Any, None], id: strawberry.ID, nom: str) -> Produit:
        journal: list[str] = info.context["journal"]
        journal.append(f"renomme {id}")
        return Produit(id=id, nom=nom, poids=PRODUITS[id][1])


# stock: what is left, and the price of sending, which needs the weight


@strawberry.federation.type(keys=["id"], name="Produit")
class ProduitEnStock:
    id: strawberry.ID
    poids: int = strawberry.federation.field(external=True)

    @strawberry.field
    def reste(self) -> int:
        return len(self.id)

    @strawberry.federation.field(requires=["poids"])
    def port(self) -> int:
        return self.poids * 2

    @classmethod
    def resolve_reference(cls, id: strawberry.ID, poids: int = 0) -> Self:
        return cls(id=id, poids=poids)


@strawberry.type
class StockMutation:
    @strawberry.mutation
    def vide(self, info: strawberry.Info[Any, None], id: strawberry.ID) -> ProduitEnStock:
        journal: list[str] = info.context["journal"]
        journal.append(f"vide {id}")
        return ProduitEnStock(id=id, poids=0)


@strawberry.type
class Stock:
    @strawberry.field
    def depots(self) -> list[str]:
        return ["nord", "sud"]


# avis: what people say of products


@strawberry.federation.type(keys=["id"], name="Produit")
class ProduitNote:
    id: strawberry.ID

    @strawberry.field
    def avis(self, first: int = 10) -> "list[Avis] | None":
        return [Avis.of(id) for id, (produit, _, _) in AVIS.items() if produit == self.id][:first]

    @strawberry.field
    def moyenne(self) -> float:
        notes = [note for produit, note, _ in AVIS.values() if produit == self.id]
        if not notes:
            raise ValueError("aucun avis")
        return sum(notes) / len(notes)

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Self:
        return cls(id=id)


@strawberry.federation.type(keys=["id"])
class Avis:
    id: strawberry.ID
    note: int
    texte: str
    produit: ProduitNote

    @classmethod
    def of(cls, id: str) -> Self:
        produit, note, texte = AVIS[id]
        return cls(id=strawberry.ID(id), note=note, texte=texte, produit=ProduitNote(id=strawberry.ID(produit)))


@strawberry.type
class Critiques:
    @strawberry.field
    def avis(self, id: strawberry.ID) -> Avis | None:
        return Avis.of(id) if id in AVIS else None


def _schema(query: type, *, mutation: type | None = None, types: tuple[type, ...] = ()) -> strawberry.federation.Schema:
    return strawberry.federation.Schema(query=query, mutation=mutation, types=types, federation_version="2.9")


SCHEMAS = {
    "avis": _schema(Critiques, types=(ProduitNote,)),
    "catalogue": _schema(Catalogue, mutation=CatalogueMutation),
    "stock": _schema(Stock, mutation=StockMutation, types=(ProduitEnStock,)),
}


class _Subgraph(GraphQL[dict[str, Any], None]):
    """A subgraph that remembers what it was asked."""

    def __init__(self, schema: strawberry.federation.Schema, seen: Seen, journal: list[str]) -> None:
        super().__init__(schema, graphql_ide=None)
        self._seen = seen
        self._journal = journal

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:  # noqa: ARG002
        asked = await request.json()
        self._seen.operations.append(asked["query"])
        self._seen.headers.append(dict(request.headers))
        self._seen.representations.append(len((asked.get("variables") or {}).get("representations", ())))
        return {"journal": self._journal}


def free_port() -> int:
    """A port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the test runner."""
        yield


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what comes about within ten seconds."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - it comes about elsewhere
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def serve(app: ASGIApp, port: int) -> AsyncIterator[None]:
    """Serve over real HTTP until the block ends."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        if running.done():
            running.result()
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await running


@dataclass(slots=True)
class Boutique:
    """The subgraphs as they run."""

    urls: dict[str, str]
    seen: dict[str, Seen]
    journal: list[str]


@contextlib.asynccontextmanager
async def open_boutique(*, without: frozenset[str] = frozenset()) -> AsyncIterator[Boutique]:
    """Run the subgraphs, but for those that are to be away."""
    shop = Boutique({}, {}, [])
    async with contextlib.AsyncExitStack() as stack:
        for name, schema in SCHEMAS.items():
            port = free_port()
            shop.urls[name] = f"http://127.0.0.1:{port}/graphql"
            shop.seen[name] = Seen()
            if name not in without:
                endpoint = _Subgraph(schema, shop.seen[name], shop.journal)
                app = Starlette(routes=[Route("/graphql", endpoint, methods=["POST"])])
                await stack.enter_async_context(serve(app, port))
        yield shop


async def never(_request: Request) -> None:
    """A door that nobody opens."""
    await asyncio.Event().wait()


if __name__ == "__main__":
    import sys
    from pathlib import Path

    for name, schema in SCHEMAS.items():
        (Path(sys.argv[1]) / f"{name}.graphql").write_text(schema.as_str() + "\n", encoding="utf-8")
