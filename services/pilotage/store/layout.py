"""All that `pilotage` keeps."""

from kit.mongo.migrations import Layout, Migration
from kit.outbox import rows
from services.pilotage.store.calendriers import CALENDRIERS
from services.pilotage.store.comptage import mark_all
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
    ),
    migrations=(Migration(1, "what is hidden of the results is stored with them: all are made again", mark_all),),
)
