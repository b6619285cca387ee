"""The gRPC server of a service: callers prove themselves, errors are mapped once, health is served."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from opentelemetry import propagate, trace

from kit.auth import service_tokens
from kit.errors import Forbidden, NotFound, Refusal, Unauthenticated, Unavailable
from kit.logs import get_logger

_HEALTH = "/grpc.health."
_log = get_logger(__name__)
_tracer = trace.get_tracer(__name__)

_STATUS: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (Refusal, grpc.StatusCode.FAILED_PRECONDITION),
)


class _Guard(grpc.aio.ServerInterceptor):
    """Lets the named services in, continues their trace, and turns what is raised into a status."""

    def __init__(self, service: str, keys: Path, callers: frozenset[str]) -> None:
        self._service = service
        self._keys = keys
        self._callers = callers

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        handler = await continuation(details)
        if handler is None or details.method.startswith(_HEALTH):
            return handler
        metadata = {name: value for name, value in details.invocation_metadata or () if isinstance(value, str)}
        inner = handler.unary_unary
        assert inner is not None, "streams are not served yet"  # noqa: S101

        async def guarded(request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
            return await self._serve(inner, details.method, metadata, request, context)

        return grpc.unary_unary_rpc_method_handler(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def _serve(
        self,
        inner: Any,
        method: str,
        metadata: dict[str, str],
        request: Any,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> Any:
        service, name = method.lstrip("/").split("/")
        with _tracer.start_as_current_span(
            f"{service}/{name}", context=propagate.extract(metadata), kind=trace.SpanKind.SERVER
        ) as span:
            span.set_attributes({"rpc.system": "grpc", "rpc.service": service, "rpc.method": name})
            try:
                token = metadata.get("service-token", "")
                service_tokens.verify(self._keys, token, callee=self._service, callers=self._callers)
                return await inner(request, context)
            except Exception as error:  # noqa: BLE001 - mapped once, here, and logged when it is no public error
                status, message = _map(error)
                if status is grpc.StatusCode.INTERNAL:
                    _log.exception("rpc_failed", method=method, exc_info=error)
                await context.abort(status, message)


def _map(error: Exception) -> tuple[grpc.StatusCode, str]:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status, str(error)
    return grpc.StatusCode.INTERNAL, "internal error"


async def start(
    *,
    service: str,
    address: str,
    keys: Path,
    callers: frozenset[str],
    register: Callable[[grpc.aio.Server], None],
    tls: grpc.ServerCredentials | None,
) -> grpc.aio.Server:
    """Start serving what `register` adds, to `callers` only, at `address`; the caller stops the server.

    Without `tls` (see `kit.rpc.tls`) it is served in the clear.
    """
    # Without it a second process would listen on the same port, and take a part of the calls.
    options = [("grpc.so_reuseport", 0)]
    server = grpc.aio.server(interceptors=[_Guard(service, keys, callers)], options=options)
    register(server)
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    if tls is None:
        server.add_insecure_port(address)
    else:
        server.add_secure_port(address, tls)
    await server.start()
    return server
