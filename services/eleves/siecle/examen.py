"""Examining one row: each rule says what it takes of the student, rejects the row, or draws a warning (§5.1 and §8)."""

import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from services.eleves.domain import Courriel, DonneesSiecle, Option, Sexe, TypeTache, label
from services.eleves.siecle.compte_rendu import Avertissement, CodeAvertissement, CodeRejet, Rejet
from services.eleves.siecle.documents import EleveLu, OptionLue
from services.eleves.siecle.reference import Identifiants, Reference
from socle.courriels import CourrielInvalide, is_academique, parse_courriel_nominatif
from socle.identifiants import TypeIne, ine_bea_letter, ine_type, is_matiere, is_mef, normalize_ine
from socle.series import NiveauMef, Serie
from socle.specialites import find_specialite

_DATE = re.compile(r"(\d{2})/(\d{2})/(\d{4})")
# The codes and lengths of SIECLE's own format (domaine.md §5.1).
_SEXES = {"1": Sexe.MASCULIN, "2": Sexe.FEMININ}
_BOURSES_NATIONALES = frozenset("13678")
_MODALITES = frozenset("SOFNXLR")
_OBLIGATOIRE = "O"
_LONGEST_CLASSE = 8

_EARLIEST_BIRTH = 1900
"""≈ ours: nobody in terminale was born before; an adult who comes back to school may be of any age."""

_DIFFERENT = 4096
"""≈ ours: dates and options that are kept once parsed; all those of one lycée, and of several more."""


@dataclass(slots=True)
class Examen:
    """The examination of one row; what it finds wrong is gathered, so that a school learns all of it at once."""

    lu: EleveLu
    ids: Identifiants
    reference: Reference
    rejets: list[Rejet] = field(default_factory=list)
    avertissements: list[Avertissement] = field(default_factory=list)
    sorti_le: date | None = None

    @property
    def etiquette(self) -> str:
        return label(self.lu.nom_usage or self.lu.nom_de_famille, self.lu.prenoms)[:100] or "(sans nom)"

    @property
    def autre_niveau(self) -> bool:
        """Whether the student is known not to be in terminale: such rows are counted, not judged."""
        niveau = self._niveau()
        return niveau is not None and not niveau.terminale

    def reject(self, champ: str, code: CodeRejet, raison: str) -> None:
        """Leave the row out."""
        self.rejets.append(
            Rejet(ligne=self.lu.ligne, eleve=self.etiquette, champ=champ, code=code, raison=raison),
        )

    def _warn(self, champ: str, code: CodeAvertissement, raison: str) -> None:
        self.avertissements.append(
            Avertissement(ligne=self.lu.ligne, eleve=self.etiquette, champ=champ, code=code, raison=raison),
        )

    def siecle(self) -> DonneesSiecle | None:
        """What SIECLE says of the student; None when the row is rejected, for one reason or several."""
        lu = self.lu
        self._check_names()
        self.sorti_le = self._sortie()
        ine_rnie, ine_bea = self._ine_rnie(), self._ine_bea()
        if not (ine_rnie or ine_bea or self.rejets):
            self._warn("INE_RNIE", CodeAvertissement.INE_ABSENT, "L'élève n'a pas d'identifiant national.")
        naissance, serie = self._naissance(), self._serie()
        classe, entree = self._classe(), self._date("DATE_ENTREE", lu.entree)
        if naissance is None or serie is None or self.rejets:
            return None
        options = self._options()
        return DonneesSiecle(
            nom=lu.nom_de_famille or lu.nom_usage,
            nom_usage=lu.nom_usage or None,
            prenoms=tuple(prenom for prenom in lu.prenoms if prenom),
            naissance=naissance,
            sexe=self._sexe(),
            ine_rnie=ine_rnie,
            ine_bea=ine_bea,
            eleve_id=lu.eleve_id,
            mef=lu.mef,
            serie=serie,
            classe=classe,
            specialites=_specialites(options) if serie is Serie.GENERALE else (),
            options=options,
            statut=lu.statut,
            regime=lu.regime,
            doublement=lu.doublement == "1",
            entree=entree,
            boursier=not _BOURSES_NATIONALES.isdisjoint(lu.bourses),
        )

    def courriel(self) -> Courriel:
        """The address of the student, or the task that its lack makes: it never leaves the row out."""
        if not self.lu.courriel:
            return Courriel(tache=TypeTache.COURRIEL_ABSENT)
        try:
            adresse = parse_courriel_nominatif(self.lu.courriel)
        except CourrielInvalide:
            return Courriel(tache=TypeTache.COURRIEL_INVALIDE)
        if is_academique(adresse):
            self._warn(
                "MEL",
                CodeAvertissement.COURRIEL_ACADEMIQUE,
                "L'adresse est celle d'un établissement : demandez à l'élève une adresse personnelle, qu'il gardera.",
            )
        return Courriel(adresse)

    def _check_names(self) -> None:
        if not self.lu.eleve_id:
            self.reject("ELEVE_ID", CodeRejet.ELEVE_ID_ABSENT, "L'élève n'a pas d'identifiant dans le fichier.")
        if not (self.lu.nom_de_famille or self.lu.nom_usage):
            self.reject("NOM_DE_FAMILLE", CodeRejet.NOM_ABSENT, "Le nom de l'élève est absent.")
        if not self.lu.prenoms[0]:
            self.reject("PRENOM", CodeRejet.PRENOM_ABSENT, "Le prénom de l'élève est absent.")

    def _ine_rnie(self) -> str | None:
        rnie = self.ids.ine_rnie
        if rnie and ine_type(rnie) is not TypeIne.RNIE:
            self.reject(
                "INE_RNIE",
                CodeRejet.INE_INVALIDE,
                f"L'identifiant national « {rnie[:20]} » n'a pas la forme attendue (neuf chiffres et deux lettres).",
            )
        elif not rnie and self.lu.id_national and ine_type(normalize_ine(self.lu.id_national)) is None:
            self.reject(
                "ID_NATIONAL",
                CodeRejet.INE_INVALIDE,
                f"L'identifiant national « {self.lu.id_national[:20]} » n'a aucune des formes attendues.",
            )
        return rnie or None

    def _ine_bea(self) -> str | None:
        """The older number: never a reason to refuse (§8)."""
        bea = self.ids.ine_bea
        if not bea:
            return None
        if ine_type(bea) is TypeIne.BEA and bea[10] == ine_bea_letter(bea[:10]):
            return bea
        self._warn("INE_BEA", CodeAvertissement.INE_BEA_SUSPECT, f"L'INE-BEA « {bea[:20]} » semble mal saisi.")
        return bea if ine_type(bea) is TypeIne.BEA else None

    def _date(self, champ: str, text: str) -> date | None:
        if not text:
            return None
        day = _parse_date(text)
        if day is None:
            self.reject(champ, CodeRejet.DATE_INVALIDE, f"La date « {text[:20]} » n'existe pas (attendu : JJ/MM/AAAA).")
        return day

    def _naissance(self) -> date | None:
        text = self.lu.naissance
        if not text:
            self.reject("DATE_NAISS", CodeRejet.DATE_INVALIDE, "La date de naissance est absente.")
            return None
        day = self._date("DATE_NAISS", text)
        if day is not None and not _EARLIEST_BIRTH <= day.year < self.reference.exporte_le.year:
            self.reject("DATE_NAISS", CodeRejet.DATE_INVALIDE, f"La date de naissance {text} n'est pas vraisemblable.")
        return day

    def _sortie(self) -> date | None:
        """The day it left; one to come changes nothing yet."""
        day = self._date("DATE_SORTIE", self.lu.sortie)
        return day if day is not None and day <= self.reference.exporte_le else None

    def _niveau(self) -> NiveauMef | None:
        return self.reference.niveau(self.lu.mef)

    def _serie(self) -> Serie | None:
        mef, niveau = self.lu.mef, self._niveau()
        if not is_mef(mef):
            raison = f"Le code de formation « {mef[:20]} » n'a pas onze caractères."
            self.reject("CODE_MEF", CodeRejet.MEF_INVALIDE, raison)
        elif niveau is None:
            self.reject("CODE_MEF", CodeRejet.MEF_INCONNU, f"La formation {mef} n'est pas connue.")
        elif niveau.serie is None:
            self.reject("CODE_MEF", CodeRejet.SERIE_INCONNUE, f"La série de la formation {mef} n'est pas connue.")
        else:
            return niveau.serie
        return None

    def _classe(self) -> str | None:
        divisions, known = self.lu.divisions, self.reference.divisions
        if not divisions:
            if self.sorti_le is None:
                self.reject("CODE_STRUCTURE", CodeRejet.CLASSE_ABSENTE, "L'élève n'est dans aucune division.")
            return None
        if len(divisions) > 1:
            raison = f"L'élève est dans plusieurs divisions ({', '.join(divisions)[:60]})."
            self.reject("CODE_STRUCTURE", CodeRejet.CLASSE_MULTIPLE, raison)
            return None
        (classe,) = divisions
        if not 0 < len(classe) <= _LONGEST_CLASSE or (known is not None and classe not in known):
            raison = f"La division « {classe[:20]} » n'est pas une de celles de l'établissement."
            self.reject("CODE_STRUCTURE", CodeRejet.CLASSE_INCONNUE, raison)
        return classe

    def _sexe(self) -> Sexe | None:
        sexe = _SEXES.get(self.lu.sexe)
        if sexe is None:
            self._warn("CODE_SEXE", CodeAvertissement.SEXE_INCONNU, "Le sexe de l'élève n'est pas indiqué.")
        return sexe

    def _options(self) -> tuple[Option, ...]:
        read = set(self.lu.options)
        good = [option for lue in read if (option := _parse_option(lue)) is not None]
        ignored = len(read) - len(good)
        if ignored:
            raison = f"Option sans code de matière ou de modalité valable : {ignored}."
            self._warn("OPTIONS_ELEVE", CodeAvertissement.OPTION_IGNOREE, raison)
        return tuple(sorted(good))


def _specialites(options: tuple[Option, ...]) -> tuple[str, ...]:
    codes = (find_specialite(option.matiere) for option in options if option.modalite == _OBLIGATOIRE)
    return tuple(sorted({code for code in codes if code is not None}))


@lru_cache(_DIFFERENT)
def _parse_option(lue: OptionLue) -> Option | None:
    """What students of a school take has few different values."""
    return Option(*lue) if is_matiere(lue.matiere) and lue.modalite in _MODALITES else None


@lru_cache(_DIFFERENT)
def _parse_date(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    day, month, year = (int(part) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None
