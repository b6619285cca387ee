"""The subgraph of `pilotage`."""

import strawberry

from kit.graphql.endpoint import Schema
from services.pilotage.schema import calendrier, indicateurs
from services.pilotage.schema.calendrier import Mutation
from services.pilotage.schema.indicateurs import Etablissement


@strawberry.type
class Query(calendrier.Query, indicateurs.Query):
    """Both parts of what is asked of the steering."""


SCHEMA = Schema(query=Query, mutation=Mutation, types=[Etablissement])
