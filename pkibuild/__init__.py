"""pkibuild: a build system for a private PKI."""

__version__ = "1.0.0"
