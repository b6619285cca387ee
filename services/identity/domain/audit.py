"""The lines of the audit trail: who did what, on what, when, from where, with which outcome. Pure.

« Audit: who, what, on what, when, from where, outcome: append-only, readable by the level above, exportable »
(domaine.md §3). The seals that guard them are in `sceaux`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from services.identity.domain.comptes import Compte
from socle.academies import ACADEMIES
from socle.principal import Principal, RoleTenu
from socle.rubriques import Role

_FORMAT = "v1"
"""What lines and seals are hashed as; a change of the form is a new name, so that old lines keep their hash."""


class Acte(StrEnum):
    """What was done, or refused."""

    CONNEXION = "CONNEXION"
    DECONNEXION = "DECONNEXION"
    JETON_REUTILISE = "JETON_REUTILISE"
    MACHINE_CONNECTEE = "MACHINE_CONNECTEE"
    CLE_DE_SIGNATURE_CHANGEE = "CLE_DE_SIGNATURE_CHANGEE"
    COMPTE_CREE = "COMPTE_CREE"
    COMPTE_ACTIVE = "COMPTE_ACTIVE"
    COMPTE_DESACTIVE = "COMPTE_DESACTIVE"
    COMPTE_REACTIVE = "COMPTE_REACTIVE"
    COMPTE_SIGNALE_INACTIF = "COMPTE_SIGNALE_INACTIF"
    COMPTE_SUPPRIME = "COMPTE_SUPPRIME"
    COMPTE_VERROUILLE = "COMPTE_VERROUILLE"
    COMPTE_DEVERROUILLE = "COMPTE_DEVERROUILLE"
    COMPTE_DECONNECTE = "COMPTE_DECONNECTE"
    INVITATION_ENVOYEE = "INVITATION_ENVOYEE"
    LISTE_DEPOSEE = "LISTE_DEPOSEE"
    MOT_DE_PASSE_OUBLIE = "MOT_DE_PASSE_OUBLIE"
    MOT_DE_PASSE_CHOISI = "MOT_DE_PASSE_CHOISI"
    COURRIEL_DEMANDE = "COURRIEL_DEMANDE"
    COURRIEL_ABANDONNE = "COURRIEL_ABANDONNE"
    COURRIEL_CHANGE = "COURRIEL_CHANGE"
    MOBILE_DEMANDE = "MOBILE_DEMANDE"
    MOBILE_CHANGE = "MOBILE_CHANGE"
    APPLICATION_ENROLEE = "APPLICATION_ENROLEE"
    APPLICATION_RETIREE = "APPLICATION_RETIREE"
    CLE_ENROLEE = "CLE_ENROLEE"
    CLE_RENOMMEE = "CLE_RENOMMEE"
    CLE_RETIREE = "CLE_RETIREE"
    FACTEURS_REINITIALISES = "FACTEURS_REINITIALISES"
    CODES_DE_SECOURS_CREES = "CODES_DE_SECOURS_CREES"
    IDENTITE_LIEE = "IDENTITE_LIEE"
    IDENTITE_DELIEE = "IDENTITE_DELIEE"
    ROLE_DONNE = "ROLE_DONNE"
    ROLE_RETIRE = "ROLE_RETIRE"
    DROIT_DONNE = "DROIT_DONNE"
    DROIT_RETIRE = "DROIT_RETIRE"
    PROFIL_DONNE = "PROFIL_DONNE"
    DROITS_COPIES = "DROITS_COPIES"
    DROITS_MODIFIES = "DROITS_MODIFIES"
    RESTAURATION = "RESTAURATION"
    AUDIT_LU = "AUDIT_LU"
    AUDIT_EXPORTE = "AUDIT_EXPORTE"


def read_acte(nom: str) -> Acte | str:
    """The act of that name; the name alone of one that only a newer release knows, running beside this one."""
    return Acte(nom) if nom in Acte else nom


class Issue(StrEnum):
    """How it ended: there is no third way."""

    FAITE = "FAITE"
    REFUSEE = "REFUSEE"


class Niveau(IntEnum):
    """How high in the line of who creates whom (domaine.md §3: national → académie → establishment → users)."""

    UTILISATEUR = 1
    ETABLISSEMENT = 2
    ACADEMIE = 3
    NATIONAL = 4


_NIVEAUX = {
    Role.CHEF_ETABLISSEMENT: Niveau.ETABLISSEMENT,
    Role.ADMIN_ETABLISSEMENT: Niveau.ETABLISSEMENT,
    Role.DIRECTEUR_CIO: Niveau.ETABLISSEMENT,
    Role.ADMIN_ACADEMIQUE: Niveau.ACADEMIE,
    Role.CAES: Niveau.ACADEMIE,
    Role.ADMIN_NATIONAL: Niveau.NATIONAL,
}


def niveau_of(role: Role) -> Niveau:
    """Where a role stands in that line."""
    return _NIVEAUX.get(role, Niveau.UTILISATEUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partie:
    """Whoever acts, or is acted on: an account, with what it held when that happened."""

    id: str
    roles: tuple[RoleTenu, ...] = ()
    uais: frozenset[str] = frozenset()

    @classmethod
    def of(cls, personne: Compte | Principal) -> "Partie":
        if isinstance(personne, Compte):
            return cls(id=personne.id, roles=personne.roles, uais=personne.etablissements)
        by_role = {role.uai for role in personne.roles if role.uai is not None}
        by_right = {droit.uai for droit in personne.droits}
        return cls(id=personne.compte, roles=personne.roles, uais=frozenset(by_role | by_right))

    @property
    def niveau(self) -> Niveau:
        """The highest level at which it has a role."""
        return max((niveau_of(held.role) for held in self.roles), default=Niveau.UTILISATEUR)


OPERATEUR = Partie(id="operateur")
"""Whoever runs a command of the service."""
PLATEFORME = Partie(id="plateforme")
"""The platform itself, where a rule says what is to be done and nobody asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lieux:
    """Where a line happened: in these establishments, and in these académies."""

    uais: frozenset[str] = frozenset()
    academies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LigneAudit:
    """One line of the trail. No name, address or secret: persons are opaque identifiers.

    Args:
        id: sortable by time.
        acteur: the account that acted, `OPERATEUR.id`, `PLATEFORME.id`, or None for who has proved nothing.
        cible: the account that it was about.
        acte: by its name alone, where only a newer release knows it.
        niveau: of the highest of these accounts; the level above reads the line.
        motif: the code of the refusal.
        detail: of what was done, in words of the platform: a rubric, a level, factors.
        engagement: what the line says of the address it came from, once the address itself is forgotten.
    """

    id: str
    le: datetime
    acte: Acte | str
    issue: Issue
    niveau: Niveau
    lieux: Lieux = field(default_factory=Lieux)
    acteur: str | None = None
    cible: str | None = None
    motif: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)
    engagement: str | None = None

    def digest(self) -> str:
        """The hash of all that the line says."""
        return digest_of(
            self.id,
            self.le.isoformat(timespec="milliseconds"),
            self.acte,
            self.issue,
            int(self.niveau),
            sorted(self.lieux.uais),
            sorted(self.lieux.academies),
            self.acteur,
            self.cible,
            self.motif,
            dict(self.detail),
            self.engagement,
        )


_UAI = re.compile(r"[0-9A-Z]\d{6}[A-Z]")
_ACADEMIES = frozenset(academie.slug for academie in ACADEMIES)
_DE_LA_PLATEFORME = re.compile(r"[0-9A-Z]{26}|\d{2}|\d{4}/[\w.:-]{1,64}|[A-Z_]{1,40}|\d{4}-\d\d-\d\dT[\d:.+-]{1,24}")


def asked_uai(value: str | None) -> str | None:
    """What a line keeps of an establishment that somebody named: nothing, where it has not the shape of one."""
    return value if value is not None and _UAI.fullmatch(value) else None


def asked(said: Mapping[str, str]) -> dict[str, str]:
    """What a line keeps of what somebody asked for and was refused: identifiers, enumerations and moments, not text
    that could be anything.
    """
    return {name: value for name, value in said.items() if _DE_LA_PLATEFORME.fullmatch(value) or value in _ACADEMIES}


def engage(adresse: str, sel: str) -> str:
    """What a line keeps of an address: it binds whoever still knows both, and says nothing without the salt."""
    return digest_of(sel, adresse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lecture:
    """Which lines someone may read: all; or those of one's own, and those of lower levels in these places."""

    tout: bool
    compte: str
    uais: frozenset[str]
    academies: frozenset[str]

    def places_of(self, ligne: LigneAudit, academies: Mapping[str, str]) -> Lieux:
        """Those of a line's places that whoever reads it may know: its own, and all of what happened to itself; who
        manages a person in one establishment does not learn what it does in another (ADR 030).

        `academies` says in which each establishment is.
        """
        concerned = ligne.acteur if ligne.cible is None else ligne.cible
        if self.tout or concerned == self.compte:
            return ligne.lieux
        within = {uai for uai, academie in academies.items() if uai in self.uais or academie in self.academies}
        uais = ligne.lieux.uais & (self.uais | within)
        known = self.academies | {academies[uai] for uai in within}
        return Lieux(uais=uais, academies=ligne.lieux.academies & known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recherche:
    """Which lines are looked for: all, unless something is said.

    Args:
        compte: who acted, or was acted on.
        jusqu_au: before that moment; `depuis`: from that one on.
    """

    uai: str | None = None
    compte: str | None = None
    acte: Acte | None = None
    issue: Issue | None = None
    depuis: datetime | None = None
    jusqu_au: datetime | None = None


@dataclass(frozen=True, slots=True)
class Adresse:
    """An address as it is kept beside the trail, with the salt of what its line says of it."""

    adresse: str
    sel: str


_GARDEES = timedelta(days=364)
"""An address younger than that is kept still; the store forgets those of twelve months by itself."""


def addresses_differ(lignes: Sequence[LigneAudit | None], kept: Mapping[str, Adresse], *, now: datetime) -> bool:
    """Whether an address is not the one that its line was written with, or was removed before its time."""
    for ligne in lignes:
        if ligne is None:
            continue
        adresse = kept.get(ligne.id)
        if adresse is not None and engage(adresse.adresse, adresse.sel) != ligne.engagement:
            return True
        if adresse is None and ligne.engagement is not None and ligne.le > now - _GARDEES:
            return True
    return False


def digest_of(*said: object) -> str:
    """The hash of what a line or a seal says, in this order."""
    text = json.dumps([_FORMAT, *said], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
