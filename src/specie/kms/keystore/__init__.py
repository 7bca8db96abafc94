"""Keys in encrypted files (ISSUANCE-2.3.1): the `Keys` of one machine without a KMS cluster."""

from specie.kms.keystore.store import FileKeystore

__all__ = ["FileKeystore"]
