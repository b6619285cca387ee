"""All that `pilotage` keeps."""

from kit.mongo.migrations import Layout
from kit.outbox import rows
from services.pilotage.store.calendriers import CALENDRIERS
from services.pilotage.store.lignes import CANDIDATURES, ELEVES, FORMATIONS, MARQUES, MARQUES_FORMATIONS
from services.pilotage.store.resultats import RESULTATS
from socle.projections import habilitations

LAYOUT = Layout(
    collections=(
        rows.OUTBOX,
        CALENDRIERS,
        ELEVES,
        CANDIDATURES,
        FORMATIONS,
        MARQUES,
        MARQUES_FORMATIONS,
        RESULTATS,
        *habilitations.COLLECTIONS,
    )
)
