"""Passkeys (Web Authentication, level 3): what a browser is asked, and whether what it answers holds.

py_webauthn reads and verifies; whatever it raises on what anybody may have sent is one refusal here.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.identity.domain.cles_d_acces import Cle

_NOM = "Site de gestion"
_ALGORITHMES = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)
_DELAI_MS = 120_000


class CleInvalide(ValueError):
    """What a browser answered does not hold."""


@dataclass(frozen=True, slots=True)
class Site:
    """Whom keys are made for: the host of identity, and the one origin that may ask for them."""

    hote: str
    origine: str


@dataclass(frozen=True, slots=True)
class CleCreee:
    """A key just made: see `Cle`."""

    identifiant: bytes
    publique: bytes
    compteur: int
    transports: tuple[str, ...]
    modele: str


@dataclass(frozen=True, slots=True)
class Geste:
    """A key's answer that holds: the counter it gave, and whether it checked who holds it."""

    compteur: int
    verifie: bool


def new_challenge() -> bytes:
    """256 random bits to sign."""
    return secrets.token_bytes(32)


def fingerprint(challenge: bytes) -> str:
    """What is kept of a challenge: with so many random bits, a bare hash tells nothing of it."""
    return hashlib.sha256(challenge).hexdigest()


def key_id(identifiant: bytes) -> str:
    """Under what a key is kept."""
    return hashlib.sha256(identifiant).hexdigest()


def ask_creation(site: Site, challenge: bytes, *, compte: str, courriel: str, cles: Iterable[Cle]) -> str:
    """The options of `navigator.credentials.create`, in JSON: a key that the account does not have yet.

    Findable by the site alone where it can be, so that it signs in without an address; an older security key, which
    cannot, is as good after the password. No attestation: which model it is proves nothing that we would ask for.
    """
    options = webauthn.generate_registration_options(
        rp_id=site.hote,
        rp_name=_NOM,
        user_id=compte.encode(),
        user_name=courriel,
        challenge=challenge,
        timeout=_DELAI_MS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=[_descriptor(cle) for cle in cles],
        supported_pub_key_algs=_ALGORITHMES,
    )
    return webauthn.options_to_json(options)


def ask_gesture(site: Site, challenge: bytes, cles: Iterable[Cle]) -> str:
    """The options of `navigator.credentials.get`, in JSON: one of these keys; of none, any that the site finds by
    itself, which then must check who holds it.
    """
    known = [_descriptor(cle) for cle in cles]
    asked = UserVerificationRequirement.PREFERRED if known else UserVerificationRequirement.REQUIRED
    options = webauthn.generate_authentication_options(
        rp_id=site.hote, challenge=challenge, timeout=_DELAI_MS, allow_credentials=known, user_verification=asked
    )
    return webauthn.options_to_json(options)


def _descriptor(cle: Cle) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(transport) for transport in cle.transports]
    return PublicKeyCredentialDescriptor(id=cle.identifiant, transports=transports or None)


def read_challenge(answer: str) -> bytes:
    """The challenge that an answer says it signed.

    Raises:
        CleInvalide: it is not such an answer.
    """
    try:
        client = json.loads(base64url_to_bytes(json.loads(answer)["response"]["clientDataJSON"]))
        return base64url_to_bytes(client["challenge"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CleInvalide from error


def read_key(answer: str) -> tuple[str, str | None]:
    """Which key an answer is said to be of, as it is kept, and which account it says it is of.

    Raises:
        CleInvalide: it is not such an answer.
    """
    try:
        read = json.loads(answer)
        owner = read["response"].get("userHandle")
        return key_id(base64url_to_bytes(read["rawId"])), None if owner is None else base64url_to_bytes(owner).decode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CleInvalide from error


def verify_creation(site: Site, answer: str, challenge: bytes) -> CleCreee:
    """The key that a browser says was made, in answer to this challenge.

    Raises:
        CleInvalide: it does not hold.
    """
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.hote,
            expected_origin=site.origine,
            supported_pub_key_algs=_ALGORITHMES,
        )
        transports = json.loads(answer)["response"].get("transports") or []
        reached = tuple(sorted({one for one in transports if isinstance(one, str)} & _TRANSPORTS))
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CleInvalide from error
    return CleCreee(made.credential_id, made.credential_public_key, made.sign_count, reached, made.aaguid)


def verify_gesture(site: Site, answer: str, challenge: bytes, cle: Cle, *, verifie: bool) -> Geste:
    """The answer of a key to this challenge; with `verifie`, only where it checked who holds it.

    Its counter is not judged here: a copy is another thing than a forgery.

    Raises:
        CleInvalide: it does not hold.
    """
    try:
        # Below zero, which no counter is: the judgement of ours is the only one, and says what it is.
        shown = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.hote,
            expected_origin=site.origine,
            credential_public_key=cle.publique,
            credential_current_sign_count=-1,
            require_user_verification=verifie,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CleInvalide from error
    if not hmac.compare_digest(shown.credential_id, cle.identifiant):
        raise CleInvalide
    return Geste(shown.new_sign_count, shown.user_verified)
