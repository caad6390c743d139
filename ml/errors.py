"""The root of this floor's errors."""


class MlError(Exception):
    """Root of the errors that the ml floor raises for reasons a person can act on."""
