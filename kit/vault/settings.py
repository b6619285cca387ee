"""Where a service finds its master keys."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from kit.settings import Mode, ServiceSettings
from kit.vault.sealing import BadMasterKey, Vault, create_local_key


class VaultSettings(ServiceSettings):
    """Settings of the services that seal something in their store."""

    service: ClassVar[str]

    cle_maitre: SecretStr | None = Field(
        None, description="Master keys, `id:base64[,id:base64…]`, 256 bits each; the first seals, the others open."
    )
    cle_maitre_fichier: Path | None = Field(
        None, description="File that holds CLE_MAITRE instead; by default `<service>-maitre.cle` in CLES_SERVICES."
    )

    @property
    def master_key_file(self) -> Path:
        return self.cle_maitre_fichier or self.cles_services / f"{self.service}-maitre.cle"

    def open_vault(self) -> Vault:
        """The vault of the master keys; on a developer's machine, one is made the first time.

        Raises:
            SystemExit: they are missing, unreadable, or made for a demonstration in another mode than the local one.
        """
        if self.mode is Mode.LOCAL and self.cle_maitre is None:
            create_local_key(self.master_key_file)
        try:
            vault = Vault.of(self._master_key())
        except BadMasterKey as error:
            raise SystemExit(f"setting CLE_MAITRE: {error}") from None
        if vault.for_demonstration and self.mode is not Mode.LOCAL:
            raise SystemExit("setting CLE_MAITRE: a key made for a demonstration is accepted in MODE=local only")
        return vault

    def _master_key(self) -> str:
        if self.cle_maitre is not None:
            return self.cle_maitre.get_secret_value()
        try:
            return self.master_key_file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            raise SystemExit(f"setting CLE_MAITRE: not set, and {self.master_key_file} cannot be read") from None
