"""What the others are told of the candidates' files (proto/eleves/v1/candidatures.proto)."""

from datetime import date

from proto.eleves.v1 import candidatures_pb2
from services.eleves.dossiers import Contenu, Dossier, Rattachement
from socle.topics import topic_of

CANDIDATURES = "eleves.candidatures.v1"
ACCUEIL = "eleves.accueil.v1"

type Told = candidatures_pb2.Candidature | candidatures_pb2.CandidatureAccueil


def messages(dossier: Dossier) -> dict[str, Told]:
    """What each topic holds of a file, by name; a topic that is not there holds nothing of it."""
    messages: dict[str, Told] = {
        topic_of(academie, ACCUEIL): _accueil(dossier, academie) for academie in dossier.academies_accueil
    }
    if dossier.academie_origine is not None and dossier.rattachement is not None and dossier.contenu is not None:
        topic = topic_of(dossier.academie_origine, CANDIDATURES)
        messages[topic] = _candidature(dossier, dossier.contenu, dossier.rattachement)
    return messages


def _candidature(dossier: Dossier, contenu: Contenu, rattachement: Rattachement) -> candidatures_pb2.Candidature:
    return candidatures_pb2.Candidature(
        id=dossier.id,
        session=dossier.session,
        eleve=rattachement.eleve,
        uai=rattachement.uai,
        academie=rattachement.academie,
        inscrit_le=_text(contenu.inscrit_le),
        demission_le=_text(contenu.demission_le),
        voeux=[
            candidatures_pb2.Voeu(
                formation=voeu.formation,
                etat=voeu.etat,
                formule_le=_text(voeu.formule_le),
                confirme_le=_text(voeu.confirme_le),
                rang=voeu.rang,
                proposition_le=_text(voeu.proposition_le),
                reponse_le=_text(voeu.reponse_le),
            )
            for voeu in contenu.voeux
        ],
    )


def _accueil(dossier: Dossier, academie: str) -> candidatures_pb2.CandidatureAccueil:
    return candidatures_pb2.CandidatureAccueil(
        id=dossier.id,
        session=dossier.session,
        academie=academie,
        voeux=[
            candidatures_pb2.VoeuAccueil(
                formation=voeu.formation,
                etat=voeu.etat,
                confirme_le=_text(voeu.confirme_le),
                rang=voeu.rang,
                proposition_le=_text(voeu.proposition_le),
                reponse_le=_text(voeu.reponse_le),
            )
            for voeu in dossier.confirmed_in(academie)
        ],
    )


def _text(day: date | None) -> str:
    return "" if day is None else day.isoformat()
