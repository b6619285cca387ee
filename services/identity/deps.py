"""What use cases work with: made once, in the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from kit.clock import Clock, campaign_clock, technical_clock
from kit.mongo import Database, Transactor
from kit.settings import Mode
from kit.vault.sealing import Vault
from services.identity.domain.inactivite import RegleInactivite
from services.identity.employeurs.declaration import load_employeurs
from services.identity.employeurs.fournisseur import Fournisseur, open_fournisseurs
from services.identity.mfa.cles_d_acces import Site
from services.identity.mfa.mots_de_passe import Hasher
from services.identity.settings import IdentitySettings
from services.identity.store.connexions import Connexions
from services.identity.store.epreuves import Epreuves
from services.identity.store.tentatives import Tentatives
from services.identity.store.work import Work, transactor
from services.identity.trousseau import Trousseau
from socle.rubriques import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The store, the keys and the clock of identity.

    Args:
        adresse: where browsers reach us, for the links that are mailed.
        site: whom passkeys are made for; None where they cannot be.
        acte_sensible: how long a sign-in by every factor serves for a sensitive act.
        appareil_connu: how long after such a sign-in its device is known.
        facteur_fort: whether one of three factors is neither e-mail nor SMS.
        sms: whether codes can be sent by SMS.
        sms_par_heure: how many to everyone.
        adresses_connues_jours: for how long an address spares factors after another one; 0: not at all.
        essais_par_adresse: how many passwords and codes may fail from one address within ten minutes.
        essais_par_reseau: how many from one network.
        invitations_par_fichier: how many persons a list of invitations may name.
        invitations_par_jour: how many the lists of one account may, within a day.
        employeurs: the providers whose identity signs people in, by id.
        campaign_clock: decides which session of the campaign it is; what is dated is by `clock`.
        mail_written: called after a commit that wrote a message to send.
    """

    adresse: str
    database: Database
    transact: Transactor[Work]
    trousseau: Trousseau
    vault: Vault
    hasher: Hasher
    connexions: Connexions
    epreuves: Epreuves
    site: Site | None
    tentatives: Tentatives
    duree_session: timedelta
    pause_session: timedelta
    acte_sensible: timedelta
    appareil_connu: timedelta
    a_trois_facteurs: frozenset[Role]
    facteur_fort: bool
    a_mobile: frozenset[Role]
    inactivite: RegleInactivite
    sms: bool
    sms_par_heure: int
    adresses_connues_jours: int
    essais_par_adresse: int
    essais_par_reseau: int
    invitations_par_fichier: int
    invitations_par_jour: int
    employeurs: Mapping[str, Fournisseur]
    mail_written: Callable[[], None]
    campaign_clock: Clock
    clock: Clock = technical_clock


def make_deps(
    settings: IdentitySettings,
    database: Database,
    vault: Vault,
    *,
    committed: Callable[[], None] = lambda: None,
    mail_written: Callable[[], None] = lambda: None,
) -> Deps:
    """Over `database`; without `committed` and `mail_written`, what is written is sent at the loops' next sweep."""
    employeurs = load_employeurs(settings.identity_employeurs, local=settings.mode is Mode.LOCAL)
    trousseau = Trousseau(database, vault)
    return Deps(
        adresse=settings.identity_url,
        database=database,
        transact=transactor(database, generation=lambda: trousseau.generation, committed=committed),
        trousseau=trousseau,
        vault=vault,
        hasher=Hasher(memoire_kio=settings.argon2_memoire_kio, passes=settings.argon2_passes),
        connexions=Connexions(database),
        epreuves=Epreuves(database),
        site=None if settings.hote is None else Site(hote=settings.hote, origine=settings.identity_url),
        tentatives=Tentatives(database),
        duree_session=timedelta(minutes=settings.duree_session_minutes),
        pause_session=timedelta(minutes=settings.pause_session_minutes),
        acte_sensible=timedelta(minutes=settings.acte_sensible_minutes),
        appareil_connu=timedelta(days=settings.appareil_connu_jours),
        a_trois_facteurs=settings.roles_a_trois_facteurs,
        facteur_fort=settings.facteur_fort,
        a_mobile=settings.roles_a_mobile,
        inactivite=RegleInactivite(
            mois=settings.inactivite_mois, preavis=timedelta(days=settings.inactivite_preavis_jours)
        ),
        sms=settings.sms_url != "",
        sms_par_heure=settings.sms_par_heure,
        adresses_connues_jours=settings.adresses_connues_jours,
        essais_par_adresse=settings.essais_par_adresse,
        essais_par_reseau=settings.essais_par_reseau,
        invitations_par_fichier=settings.invitations_par_fichier,
        invitations_par_jour=settings.invitations_par_jour,
        employeurs=open_fournisseurs(employeurs, identity_url=settings.identity_url),
        mail_written=mail_written,
        campaign_clock=campaign_clock(settings.campagne_date),
    )
