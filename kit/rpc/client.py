"""Calls to a peer: each has a deadline, a fresh token of ours, and the trace it belongs to; errors are mapped once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from opentelemetry import propagate, trace

from kit.auth import service_tokens
from kit.errors import Forbidden, NotFound, Refusal, Unauthenticated, Unavailable

_tracer = trace.get_tracer(__name__)

_OPTIONS = (("grpc.max_reconnect_backoff_ms", 1000),)
"""A peer that was away for long is looked for each second: gRPC's own delays grow to two minutes."""

_ERRORS: dict[grpc.StatusCode, Callable[[str], Exception]] = {
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: Forbidden,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: Refusal,
}


@dataclass(slots=True, kw_only=True)
class Peer:
    """Another service, at `address`, as `caller` calls it. Nothing is opened before the first call.

    Args:
        tls: see `kit.rpc.tls.channel_credentials`; None speaks in the clear.
    """

    caller: str
    callee: str
    address: str
    keys: Path
    tls: grpc.ChannelCredentials | None
    _channel: grpc.aio.Channel | None = None

    @property
    def channel(self) -> grpc.aio.Channel:
        """The channel to it, for a generated stub."""
        # A channel belongs to the event loop in which it was made, and a service is put together before its own runs.
        if self._channel is None:
            self._channel = (
                grpc.aio.insecure_channel(self.address, _OPTIONS)
                if self.tls is None
                else grpc.aio.secure_channel(self.address, self.tls, _OPTIONS)
            )
        return self._channel

    async def close(self) -> None:
        """Close the channel, if there is one."""
        if self._channel is not None:
            await self._channel.close()

    async def call[Q, A](self, method: Callable[..., Awaitable[A]], request: Q, *, within: float) -> A:
        """Call `method` (of a generated stub on this peer's channel) and wait `within` seconds at most.

        Raises:
            Unavailable: no answer in time, or the peer is away or failed.
            Refusal, NotFound, Forbidden, Unauthenticated: as the peer said.
        """
        carrier: dict[str, str] = {}
        with _tracer.start_as_current_span(f"call {self.callee}", kind=trace.SpanKind.CLIENT):
            propagate.inject(carrier)
            token = service_tokens.issue(self.keys, caller=self.caller, callee=self.callee)
            metadata: tuple[tuple[str, Any], ...] = (("service-token", token), *carrier.items())
            try:
                return await method(request, timeout=within, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                known = _ERRORS.get(error.code())
                raise (known(error.details() or "") if known else Unavailable()) from error


def open_peer(address: str, *, caller: str, callee: str, keys: Path, tls: grpc.ChannelCredentials | None) -> Peer:
    """A peer at `address`; nothing is sent yet. The caller closes it."""
    return Peer(caller=caller, callee=callee, address=address, keys=keys, tls=tls)
