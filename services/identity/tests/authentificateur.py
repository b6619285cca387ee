"""An authenticator in software, which does what it is told: the right thing, or whatever a forger would."""

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_UP, _UV, _AT = 0x01, 0x04, 0x40


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(slots=True)
class Authentificateur:
    """A key pair for one site; `compteur` is what it says it has signed, `verifie` whether it checked its owner."""

    hote: str = "localhost"
    origine: str = "http://localhost:4001"
    verifie: bool = True
    compteur: int = 0
    identifiant: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    cle: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: str, **changed: Any) -> str:
        """What a browser answers to the creation of a key."""
        asked = json.loads(options)
        data = self._data(_AT) + bytes(16) + struct.pack(">H", len(self.identifiant)) + self.identifiant + self._cose()
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", asked["challenge"], **changed)
        return self._answer(clientDataJSON=encode(client), attestationObject=encode(attested), transports=["usb"])

    def show(self, options: str, *, compte: str | None = None, **changed: Any) -> str:
        """What a browser answers when the key is asked for; the counter grows."""
        self.compteur += 1
        client = self._client("webauthn.get", json.loads(options)["challenge"], **changed)
        data = self._data()
        signed = self.cle.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        owner = {} if compte is None else {"userHandle": encode(compte.encode())}
        return self._answer(
            clientDataJSON=encode(client), authenticatorData=encode(data), signature=encode(signed), **owner
        )

    def _data(self, flags: int = 0) -> bytes:
        checked = _UV if self.verifie else 0
        return hashlib.sha256(self.hote.encode()).digest() + struct.pack(">BI", _UP | checked | flags, self.compteur)

    def _client(self, kind: str, challenge: str, **changed: Any) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origine, "crossOrigin": False} | changed
        return json.dumps(said).encode()

    def _cose(self) -> bytes:
        numbers = self.cle.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})

    def _answer(self, **response: Any) -> str:
        id = encode(self.identifiant)
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": response})
