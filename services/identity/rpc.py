"""The gRPC servicer of `identity`: what a peer must know at this instant."""

from typing import Any

import grpc

from kit.errors import NotFound
from proto.identity.v1 import service_pb2, service_pb2_grpc
from services.identity.deps import Deps
from services.identity.store.comptes import find_compte, habilitations
from services.identity.store.sessions import find_famille

CALLERS = frozenset({"offre", "eleves", "pilotage", "rapports"})
"""Every service that decides by a copy of the rights may ask for the rights themselves."""


class IdentityServicer(service_pb2_grpc.IdentityServiceServicer):
    """See proto/identity/v1/service.proto."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def LireHabilitations(  # noqa: N802 - named by the contract
        self,
        request: service_pb2.LireHabilitationsRequest,
        _context: grpc.aio.ServicerContext[Any, Any],
    ) -> service_pb2.LireHabilitationsResponse:
        """The rights of an account now, and whether this session of sign-in of its own still lives."""
        compte = await find_compte(self._deps.database, request.compte)
        if compte is None:
            raise NotFound("Ce compte n'existe pas.")
        famille = await find_famille(self._deps.database, request.session)
        alive = famille is not None and famille.compte == compte.id and famille.is_alive(self._deps.clock())
        return service_pb2.LireHabilitationsResponse(
            habilitations=habilitations(compte), session_active=alive and compte.actif
        )

    def register(self, server: grpc.aio.Server) -> None:
        """Serve this on `server`."""
        service_pb2_grpc.add_IdentityServiceServicer_to_server(self, server)
