"""The gateway as an application."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator

import structlog
from opentelemetry import propagate, trace
from opentelemetry.metrics import Meter
from opentelemetry.trace import SpanKind
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.engine import Engine
from gateway.executor.subgraphs import Subgraphs
from gateway.http import requests
from gateway.http.proofs import Proofs
from gateway.http.service_tokens import ServiceTokens
from gateway.http.tokens import IssuerKeys, Tokens
from gateway.measures import Measures, Observed
from gateway.refusals import RequestRefused, error
from gateway.settings import Settings
from gateway.supergraph import read_supergraph

_log = structlog.get_logger(module=__name__)
_tracer = trace.get_tracer(__name__)


def create_app(settings: Settings, meter: Meter | None = None) -> Starlette:
    """The gateway over the supergraph that the settings name; `meter` makes its metrics, or that of the process.

    Raises:
        SupergraphRefused: the supergraph cannot be served.
        KeyRefused: the gateway's own key cannot be had.
    """
    supergraph = read_supergraph(settings.supergraphe.read_text(encoding="utf-8"))
    measures = Measures(meter)
    # Both are set, or neither.
    vouching = None if settings.cle is None else ServiceTokens.read(settings.cle)
    proofs = None if settings.adresse is None else Proofs(settings.adresse)
    subgraphs = Subgraphs(
        settings.urls(supergraph.names.values()),
        timeout=settings.delai_sous_graphe,
        max_bytes=settings.taille_reponse,
        measures=measures,
        vouching=vouching,
    )
    keys = IssuerKeys(settings.identity_url)
    engine = Engine(supergraph, subgraphs, settings.limits())
    gateway = _Gateway(engine, Tokens(keys, settings.audience, proofs), settings, measures)

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
        allow_headers=["authorization", "content-type", "dpop"],
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
    def __init__(self, engine: Engine, tokens: Tokens, settings: Settings, measures: Measures) -> None:
        self._engine = engine
        self._tokens = tokens
        self._settings = settings
        self._measures = measures

    async def readiness(self, _request: Request) -> Response:
        """Whether requests may be sent here: tokens can be checked, should the issuer go away now."""
        ready = self._tokens.keys.had
        return JSONResponse({"service": "gateway", "pret": ready}, status_code=200 if ready else 503)

    async def graphql(self, request: Request) -> Response:
        """Answer one operation, in a span that says what kind it is and never what it asks."""
        # Its identifiers alone: `tracestate` is whatever text the caller sent, and would go on to every subgraph.
        carrier = {n: v for n, v in request.headers.items() if n == "traceparent"}
        with (
            self._measures.operation() as observed,
            _tracer.start_as_current_span(
                "POST /graphql", context=propagate.extract(carrier), kind=SpanKind.SERVER
            ) as span,
        ):
            response = await self._answer(request, span, observed)
            span.set_attribute("http.response.status_code", response.status_code)
            context = span.get_span_context()
            if context.is_valid:
                response.headers["trace-id"] = format(context.trace_id, "032x")
            return response

    async def _answer(self, request: Request, span: trace.Span, observed: Observed) -> Response:
        media_type = requests.accepted(request)
        if media_type is None:
            observed.outcome = "refused"
            return requests.refusal(requests.NotAcceptable(), requests.JSON)
        try:
            authorization = request.headers.get("authorization")
            await self._tokens.check_header(authorization, request.headers.getlist("dpop"))
            asked = await requests.read(request, max_bytes=self._settings.taille_requete)
            prepared = self._engine.prepare(asked.query, asked.operation_name)
            observed.kind = prepared.kind.value
            span.set_attributes({"graphql.operation.type": observed.kind, "graphql.document.hash": _hash(asked.query)})
            headers = {} if authorization is None else {"authorization": authorization}
            answer = await self._engine.run(prepared, asked.variables, headers)
            observed.end(errors="errors" in answer)
            return requests.answer(answer, media_type)
        except RequestRefused as refused:
            observed.outcome = "refused"
            return requests.refusal(refused, media_type)
        except Exception as bug:  # noqa: BLE001 - masked to the outside, and told here by its kind
            observed.outcome = "failed"
            _log.error("request_failed", exception=type(bug).__name__)
            failed = {"errors": [error("Erreur interne.", "ERREUR_INTERNE")]}
            return requests.answer(failed, media_type, status=500)


def _hash(text: str) -> str:
    """What names an operation in traces: its text and its name are the client's."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def _alive(_request: Request) -> Response:
    return JSONResponse({"service": "gateway"})


async def _metrics(_request: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
