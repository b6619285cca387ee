"""The candidates' site, in small: who registers, wishes and answers, at the documented marginals.

A candidate's whole year is drawn at once from the seed and its own number; a phase shows how much of it has happened.
So the states of a later phase follow from those of an earlier one, whatever else is generated beside them.
"""

import hashlib
import hmac
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from generateur import marginales
from generateur.dossiers import Dossier, EtatVoeu, FormationOfferte, Personne, Phase, Voeu
from generateur.ecoles import Ecole
from socle.calendriers import shipped_calendar
from socle.fenetres import CodeFenetre
from socle.formations import TypeFormation
from socle.series import Serie


def people_of(ecole: Ecole, *, seed: int) -> Iterator[Personne]:
    """The students of terminale of a lycée, who have not left it."""
    for eleve in ecole.eleves:
        if eleve.serie is not None and eleve.sortie is None:
            yield Personne(
                numero=_numero(eleve.ine_rnie, seed),
                ine=eleve.ine_rnie,
                uai=ecole.uai,
                serie=eleve.serie,
                boursier=eleve.bourse is not None,
            )


def count_outside(inside: Iterable[Personne]) -> int:
    """How many candidates are in no lycée beside those students, at the documented share of all candidates."""
    registered = sum(map(_part_inscrite, inside))
    return round(registered * marginales.PART_HORS_LYCEE / (1 - marginales.PART_HORS_LYCEE))


def people_outside(count: int, *, seed: int) -> Iterator[Personne]:
    """Candidates who are in no lycée."""
    for rank in range(count):
        rng = random.Random(f"hors-lycee-{rank}-{seed}")  # noqa: S311 - fictitious data
        ine = f"{990_000_000 + rank:09d}KK"
        boursier = rng.random() < marginales.PART_BOURSIERE
        yield Personne(numero=_numero(ine, seed), ine=ine, uai=None, serie=None, boursier=boursier)


def _numero(ine: str, seed: int) -> str:
    """The number of a candidate's file, which hosts see: keyed, since whoever tries all INE would undo a bare hash."""
    return hmac.new(f"dossiers-{seed}".encode(), ine.encode(), hashlib.sha256).hexdigest()[:16]


def generate_dossiers(
    personnes: Iterable[Personne],
    formations: Sequence[FormationOfferte],
    *,
    session: int,
    phase: Phase,
    seed: int,
) -> Iterator[Dossier]:
    """The state of each person's file at that phase, in their order."""
    offre = _Offre.of(formations)
    jours = _Jours.of(session)
    for personne in personnes:
        rng = random.Random(f"candidat-{session}-{personne.numero}-{seed}")  # noqa: S311 - fictitious data
        yield _Annee(rng, personne, session, offre, jours).at(phase)


@dataclass(frozen=True, slots=True)
class _Offre:
    """The formations by type, with their running weights in the draw: larger ones are wished for more."""

    by_type: Mapping[TypeFormation, tuple[FormationOfferte, ...]]
    weights: Mapping[TypeFormation, tuple[int, ...]]

    @classmethod
    def of(cls, formations: Sequence[FormationOfferte]) -> "_Offre":
        types = [t for t in TypeFormation if any(f.type is t for f in formations)]
        by_type = {t: tuple(f for f in formations if f.type is t) for t in types}
        weights = {t: tuple(accumulate(max(1, f.capacite) for f in offered)) for t, offered in by_type.items()}
        return cls(by_type, weights)

    def draw(self, rng: random.Random, count: int) -> list[FormationOfferte]:
        """The wishes of one candidate: `count` different formations, or all there are.

        Each candidate has a few types in mind, so that all have not all of them. The few are drawn at the national
        shares, with replacement, and so all wishes together keep those shares. Who has wished for all of them looks
        elsewhere.
        """
        left = {kind: len(offered) for kind, offered in self.by_type.items()}
        chosen: dict[str, FormationOfferte] = {}
        few = 1 if rng.random() < marginales.PART_UNE_SEULE_FILIERE else rng.choice(marginales.FILIERES_EN_TETE)
        en_tete = _draw_types(rng, list(left), few)
        for _ in range(min(count, sum(left.values()))):
            en_tete = [t for t in en_tete if left[t]] or _draw_types(rng, [t for t, n in left.items() if n], 1)
            kind = rng.choice(en_tete)
            while (formation := self._draw_one(rng, kind)).id in chosen:
                pass
            chosen[formation.id] = formation
            left[kind] -= 1
        return list(chosen.values())

    def _draw_one(self, rng: random.Random, kind: TypeFormation) -> FormationOfferte:
        return rng.choices(self.by_type[kind], cum_weights=self.weights[kind])[0]


def _draw_types(rng: random.Random, types: Sequence[TypeFormation], count: int) -> list[TypeFormation]:
    return rng.choices(types, [marginales.PART_DES_VOEUX[t] for t in types], k=count)


@dataclass(frozen=True, slots=True)
class _Jours:
    """The days of a session's calendar that matter here."""

    ouverture: date
    fin_voeux: date
    fin_confirmation: date
    admission: date
    fin_admission: date

    @classmethod
    def of(cls, session: int) -> "_Jours":
        fenetres = shipped_calendar(session).fenetres
        voeux, dossiers = fenetres[CodeFenetre.INSCRIPTION_VOEUX], fenetres[CodeFenetre.DOSSIERS]
        admission = fenetres[CodeFenetre.ADMISSION_PRINCIPALE]
        return cls(
            voeux.ouverture,
            voeux.fermeture or voeux.ouverture,
            dossiers.fermeture or dossiers.ouverture,
            admission.ouverture,
            admission.fermeture or admission.ouverture,
        )


class _Annee:
    """The whole year of one candidate."""

    def __init__(self, rng: random.Random, personne: Personne, session: int, offre: _Offre, jours: _Jours) -> None:
        self.personne = personne
        self.session = session
        self.jours = jours
        registered = rng.random() < _part_inscrite(personne)
        self.inscrit_le = _day(rng, jours.ouverture, jours.fin_voeux) if registered else None
        self.cordees = rng.random() < marginales.PART_CORDEES
        demission = rng.random() < marginales.PART_DEMISSIONNAIRE
        self.demission_le = _day(rng, jours.admission, jours.fin_admission) if demission else None
        without = offre.by_type == {} or rng.random() < marginales.PART_SANS_VOEU
        self.voeux = [] if without or self.inscrit_le is None else self._draw_voeux(rng, offre)

    def _draw_voeux(self, rng: random.Random, offre: _Offre) -> "list[_VoeuTire]":
        mean = marginales.VOEUX_PAR_CANDIDAT / (1 - marginales.PART_SANS_VOEU)
        count = 1 + _poisson(rng, mean - 1)
        chosen = offre.draw(rng, count)
        confirmed = [rng.random() >= marginales.PART_NON_CONFIRMEE for _ in chosen]
        # Those of whom no wish has an answer make up for themselves in the mean of the others.
        lucky = rng.random() >= marginales.PART_SANS_PROPOSITION
        share = marginales.PROPOSITIONS_PAR_CANDIDAT / marginales.VOEUX_PAR_CANDIDAT
        share /= (1 - marginales.PART_NON_CONFIRMEE) * (1 - marginales.PART_SANS_PROPOSITION)
        start = self.inscrit_le or self.jours.ouverture
        return [
            _VoeuTire(rng, formation, self.jours, start, confirmed=ok, proposed=ok and lucky and rng.random() < share)
            for formation, ok in zip(chosen, confirmed, strict=True)
        ]

    def at(self, phase: Phase) -> Dossier:
        inscrit = phase >= Phase.INSCRIPTION and self.inscrit_le is not None
        return Dossier(
            candidat=self.personne.numero,
            session=self.session,
            version=int(phase),
            ine=self.personne.ine,
            uai=self.personne.uai,
            boursier=self.personne.boursier,
            inscrit_le=self.inscrit_le if inscrit else None,
            cordees=inscrit and self.cordees,
            demission_le=self.demission_le if phase is Phase.FIN_PRINCIPALE and inscrit else None,
            voeux=tuple(self._voeux_at(phase)),
        )

    def _voeux_at(self, phase: Phase) -> Iterator[Voeu]:
        if phase < Phase.VOEUX:
            return
        left = self.demission_le is not None and phase is Phase.FIN_PRINCIPALE
        accepted = self._accepted() if phase is Phase.FIN_PRINCIPALE and not left else None
        for tire in self.voeux:
            yield tire.at(phase, accepted=tire is accepted, left=left)

    def _accepted(self) -> "_VoeuTire | None":
        """The proposal that is kept at the end: one at most, and not by everybody."""
        proposed = [tire for tire in self.voeux if tire.proposition_le is not None]
        if not proposed or proposed[0].envie >= marginales.PART_ACCEPTANTE:
            return None
        return max(proposed, key=lambda tire: tire.envie)


class _VoeuTire:
    """A wish with all that will happen to it, but for the candidate's choice among its proposals."""

    def __init__(
        self,
        rng: random.Random,
        formation: FormationOfferte,
        jours: _Jours,
        start: date,
        *,
        confirmed: bool,
        proposed: bool,
    ) -> None:
        self.formation = formation
        self.jours = jours
        self.formule_le = _day(rng, start, jours.fin_voeux)
        self.confirme_le = _day(rng, self.formule_le, jours.fin_confirmation) if confirmed else None
        self.rang = rng.randint(1, max(1, marginales.RANGS_PAR_PLACE * formation.capacite))
        self.proposition_le = _proposition_day(rng, jours) if proposed else None
        self.refuse = formation.selective and rng.random() < marginales.PART_REFUSEE
        self.envie = rng.random()

    def at(self, phase: Phase, *, accepted: bool, left: bool) -> Voeu:
        etat, reponse_le = self._etat(phase, accepted=accepted, left=left)
        shown = phase >= Phase.PREMIER_JOUR and self._proposed_by(phase)
        return Voeu(
            formation=self.formation.id,
            type=self.formation.type,
            etat=etat,
            formule_le=self.formule_le,
            confirme_le=self.confirme_le if phase >= Phase.CONFIRMATION else None,
            rang=self.rang if etat in {EtatVoeu.EN_ATTENTE, EtatVoeu.CLASSE} else None,
            proposition_le=self.proposition_le if shown else None,
            reponse_le=reponse_le,
        )

    def _etat(self, phase: Phase, *, accepted: bool, left: bool) -> tuple[EtatVoeu, date | None]:
        if phase < Phase.CONFIRMATION or self.confirme_le is None:
            return EtatVoeu.FORMULE, None
        if phase < Phase.PREMIER_JOUR:
            return EtatVoeu.CONFIRME, None
        if left:
            return EtatVoeu.DEMISSION, None
        if not self._proposed_by(phase):
            return (EtatVoeu.REFUS_FORMATION if self.refuse else EtatVoeu.EN_ATTENTE), None
        if phase is Phase.PREMIER_JOUR:
            return EtatVoeu.PROPOSITION, None
        return (EtatVoeu.ACCEPTE if accepted else EtatVoeu.REFUSE), self._answer_day()

    def _proposed_by(self, phase: Phase) -> bool:
        if self.proposition_le is None:
            return False
        return phase is Phase.FIN_PRINCIPALE or self.proposition_le == self.jours.admission

    def _answer_day(self) -> date:
        proposed = self.proposition_le or self.jours.admission
        return min(proposed + timedelta(days=marginales.JOURS_DE_REPONSE), self.jours.fin_admission)


def _part_inscrite(personne: Personne) -> float:
    if personne.uai is None:
        return 1.0
    serie = personne.serie or Serie.GENERALE
    return marginales.PART_INSCRITE.get(serie, marginales.PART_INSCRITE_TECHNO)


def _proposition_day(rng: random.Random, jours: _Jours) -> date:
    """Two proposals in three on the first day, the others ever fewer."""
    if rng.random() < marginales.PROPOSITIONS_PREMIER_JOUR / marginales.PROPOSITIONS:
        return jours.admission
    later = 1 + int(rng.expovariate(1 / marginales.JOURS_AVANT_PROPOSITION))
    return min(jours.admission + timedelta(days=later), jours.fin_admission)


def _day(rng: random.Random, first: date, last: date) -> date:
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def _poisson(rng: random.Random, mean: float) -> int:
    threshold, product, count = math.exp(-mean), rng.random(), 0
    while product > threshold:
        product *= rng.random()
        count += 1
    return count
