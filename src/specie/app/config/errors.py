"""What is wrong with a configuration."""

from __future__ import annotations

from specie.kernel.errors import Refused


class UnknownKey(Refused):
    """A key that no setting has."""

    code = "config.unknown_key"
    status = 422


class ValueInvalid(Refused):
    """A value that its setting does not take."""

    code = "config.value_invalid"
    status = 422


class SecretInFile(Refused):
    """A secret stands in a file that is meant to be read and shown."""

    code = "config.secret_in_file"
    status = 422


class FileUnreadable(Refused):
    """A file that is missing, is not TOML, or may be read by others although it holds a secret."""

    code = "config.file_unreadable"
    status = 422


class NotEditable(Refused):
    """The file is written in a way that cannot be changed line by line."""

    code = "config.not_editable"
    status = 409
