"""Identity's gRPC contract, served for the time of a test with the rights that the test gives.

A service's tests import no other service; the real identity answers in the tests of the whole platform.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from kit.errors import NotFound
from kit.mongo import Database
from kit.rpc import server
from proto.identity.v1 import habilitations_pb2, service_pb2, service_pb2_grpc
from socle.testing.rights import beat, grant


class _Servicer(service_pb2_grpc.IdentityServiceServicer):
    def __init__(self, known: dict[str, habilitations_pb2.Habilitations]) -> None:
        self._known = known

    async def LireHabilitations(  # noqa: N802 - named by the contract
        self, request: service_pb2.LireHabilitationsRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> service_pb2.LireHabilitationsResponse:
        if request.compte not in self._known:
            raise NotFound("Ce compte n'existe pas.")
        held = self._known[request.compte]
        return service_pb2.LireHabilitationsResponse(habilitations=held, session_active=held.actif)


@dataclass(slots=True)
class Identite:
    """The rights as identity holds them now."""

    _known: dict[str, habilitations_pb2.Habilitations] = field(default_factory=dict)

    async def grant(
        self,
        database: Database,
        compte: str,
        *roles: habilitations_pb2.Role,
        droits: tuple[habilitations_pb2.Droit, ...] = (),
    ) -> None:
        """Give these rights, and have the service of `database` know them."""
        self._known[compte] = habilitations_pb2.Habilitations(compte=compte, actif=True, roles=roles, droits=droits)
        await grant(database, compte, *roles, droits=droits)
        await beat(database)

    def withdraw(self, compte: str) -> None:
        """Take every right away, which the services have not heard of yet."""
        self._known[compte] = habilitations_pb2.Habilitations(compte=compte, actif=True)

    @contextlib.asynccontextmanager
    async def serve(self, address: str, *, keys: Path, caller: str) -> AsyncIterator[None]:
        """Answer `caller` at `address` until the block ends."""
        serving = await server.start(
            service="identity",
            address=address,
            keys=keys,
            callers=frozenset({caller}),
            register=lambda s: service_pb2_grpc.add_IdentityServiceServicer_to_server(_Servicer(self._known), s),
            tls=None,
        )
        try:
            yield
        finally:
            await serving.stop(grace=None)
