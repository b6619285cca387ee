"""The gateway as an application."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from functools import lru_cache

import structlog
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import SpanKind
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.engine import Engine, Prepared
from gateway.executor.subgraphs import Subgraphs
from gateway.http import requests
from gateway.http.tokens import IssuerKeys, Tokens
from gateway.refusals import RequestRefused, error
from gateway.settings import Settings
from gateway.supergraph import read_supergraph

_log = structlog.get_logger(module=__name__)
_tracer = trace.get_tracer(__name__)
_DURATION = metrics.get_meter("gateway").create_histogram(
    "graphql.server.request.duration", unit="s", description="Time to answer an operation, by its kind and outcome"
)


def create_app(settings: Settings) -> Starlette:
    """The gateway over the supergraph that the settings name.

    Raises:
        SupergraphRefused: the supergraph cannot be served.
    """
    supergraph = read_supergraph(settings.supergraphe.read_text(encoding="utf-8"))
    subgraphs = Subgraphs(
        settings.urls(supergraph.names.values()),
        timeout=settings.delai_sous_graphe,
        max_bytes=settings.taille_reponse,
    )
    keys = IssuerKeys(settings.identity_url)
    gateway = _Gateway(Engine(supergraph, subgraphs, settings.limits()), Tokens(keys, settings.audience), settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        following = asyncio.create_task(keys.follow())
        try:
            async with subgraphs:
                yield
        finally:
            following.cancel()

    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(settings.origines),
        allow_methods=["POST"],
        allow_headers=["authorization", "content-type"],
    )
    return Starlette(
        routes=[
            Route("/graphql", gateway.graphql, methods=["POST"]),
            Route("/sante/vivant", _alive),
            Route("/sante/pret", gateway.readiness),
            Route("/metrics", _metrics),
        ],
        middleware=[cors] if settings.origines else [],
        lifespan=lifespan,
    )


class _Gateway:
    def __init__(self, engine: Engine, tokens: Tokens, settings: Settings) -> None:
        self._engine = engine
        self._tokens = tokens
        self._settings = settings

    async def readiness(self, _request: Request) -> Response:
        """Whether requests may be sent here: tokens can be checked, should the issuer go away now."""
        ready = self._tokens.keys.had
        return JSONResponse({"service": "gateway", "pret": ready}, status_code=200 if ready else 503)

    async def graphql(self, request: Request) -> Response:
        """Answer one operation, in a span that says what kind it is and never what it asks."""
        media_type = requests.accepted(request)
        if media_type is None:
            return requests.answer(
                {"errors": [error(f"Demandez {requests.GRAPHQL} ou {requests.JSON}.", "TYPE_NON_ACCEPTE")]},
                requests.JSON,
                status=406,
            )
        # Its identifiers alone: `tracestate` is whatever text the caller sent, and would go on to every subgraph.
        carrier = {n: v for n, v in request.headers.items() if n == "traceparent"}
        with _tracer.start_as_current_span(
            "POST /graphql", context=propagate.extract(carrier), kind=SpanKind.SERVER
        ) as span:
            response = await self._answer(request, media_type, span)
            span.set_attribute("http.response.status_code", response.status_code)
            context = span.get_span_context()
            if context.is_valid:
                response.headers["trace-id"] = format(context.trace_id, "032x")
            return response

    async def _answer(self, request: Request, media_type: str, span: trace.Span) -> Response:
        try:
            authorization = request.headers.get("authorization")
            await self._tokens.check_header(authorization)
            asked = await requests.read(request, max_bytes=self._settings.taille_requete)
            prepared = self._engine.prepare(asked.query, asked.operation_name)
            span.set_attributes(_attributes(prepared, asked.query))
            headers = {} if authorization is None else {"authorization": authorization}
            return requests.answer(await self._engine.run(prepared, asked.variables, headers), media_type)
        except RequestRefused as refused:
            return requests.refusal(refused, media_type)
        except Exception as bug:  # noqa: BLE001 - masked to the outside, and told here by its kind
            _log.error("request_failed", exception=type(bug).__name__)
            failed = {"errors": [error("Erreur interne.", "ERREUR_INTERNE")]}
            return requests.answer(failed, media_type, status=500)


def _attributes(prepared: Prepared, text: str) -> dict[str, str]:
    return {"graphql.operation.type": prepared.kind.value, "graphql.document.hash": _hash(text)}


@lru_cache(maxsize=1000)
def _hash(text: str) -> str:
    """What names an operation in traces: its text and its name are the client's."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def _alive(_request: Request) -> Response:
    return JSONResponse({"service": "gateway"})


async def _metrics(_request: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
