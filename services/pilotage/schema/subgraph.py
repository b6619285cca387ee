"""The subgraph of `pilotage`."""

from kit.graphql.endpoint import Schema
from services.pilotage.schema.calendrier import Mutation, Query
from services.pilotage.schema.indicateurs import Etablissement

SCHEMA = Schema(query=Query, mutation=Mutation, types=[Etablissement])
