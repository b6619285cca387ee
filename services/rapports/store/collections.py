"""What `rapports` keeps: the collections, and what a document of each says."""

from dataclasses import fields

from kit.consumer.marks import marks
from kit.consumer.projections import projection
from kit.mongo import Collection, Document, Index
from kit.mongo.migrations import Layout
from proto.offre.v1 import offre_pb2
from services.rapports.domain import Candidatures, Comptage, Formation
from socle.projections import habilitations

FORMATIONS = projection(
    "formations",
    fields={
        "session": "int",
        "uai": "string",
        "academie": "string",
        "libelle": "string",
        "capacite": "int",
        "apprentissage": "bool",
    },
    indexes=(Index(keys={"session": 1, "uai": 1, "libelle": 1, "_id": 1}),),
    purpose="savoir de quelles formations un rapport est dû",
    readers="le service",
    kept="la session et son archive",
)
CANDIDATURES = projection(
    "candidatures",
    fields={"voeux": "array"},
    indexes=(Index(keys={"voeux.formation": 1}),),
    purpose="compter les candidats des formations ; une ligne par candidat et académie, sans nom",
    readers="le service",
    kept="la session et son archive",
)
CHIFFRES = Collection(
    name="chiffres",
    required={**{figure.name: "int" for figure in fields(Candidatures)}, "calcule_le": "date"},
    purpose="les chiffres généraux des rapports, une ligne par formation qui a un vœu confirmé",
    readers="qui peut lire le rapport",
    kept="la session et son archive",
)
MARQUES = marks("marques_chiffres", purpose="les formations dont les chiffres sont à calculer de nouveau")
LAYOUT = Layout(collections=(FORMATIONS, CANDIDATURES, CHIFFRES, MARQUES, *habilitations.COLLECTIONS))


def formation_document(message: offre_pb2.Formation) -> Document:
    """What is kept of a formation as `offre` publishes it."""
    return {
        "session": message.session,
        "uai": message.uai,
        "academie": message.academie,
        "libelle": message.libelle,
        "capacite": message.capacite,
        "apprentissage": message.apprentissage,
    }


def read_formation(document: Document) -> Formation:
    """The formation of a document."""
    return Formation(
        id=document["_id"],
        session=document["session"],
        uai=document["uai"],
        academie=document["academie"],
        libelle=document["libelle"],
        capacite=document["capacite"],
        apprentissage=document["apprentissage"],
    )


def read_comptage(document: Document) -> Comptage:
    """The figures of a document."""
    figures = {figure.name: document[figure.name] for figure in fields(Candidatures)}
    return Comptage(Candidatures(**figures), document["calcule_le"])
