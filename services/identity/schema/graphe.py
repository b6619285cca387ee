"""The subgraph of `identity`: all that can be asked of it."""

import strawberry

from kit.graphql.endpoint import Schema
from services.identity.schema.comptes import Lectures
from services.identity.schema.depots import Depots, LecturesDepots
from services.identity.schema.droits import Droits
from services.identity.schema.etats import Etats
from services.identity.schema.invitations import Invitations
from services.identity.schema.journal import ExportsJournal, LecturesJournal
from services.identity.schema.matrice import Matrices
from services.identity.schema.profils import Profils
from services.identity.schema.roles import Roles


@strawberry.type
class Query(Lectures, Matrices, LecturesJournal, LecturesDepots):
    """What is read; each subject has its module."""


@strawberry.type
class Mutation(Invitations, Depots, Etats, Roles, Profils, Droits, ExportsJournal):
    """What is done; each subject has its module."""


SCHEMA = Schema(query=Query, mutation=Mutation)
