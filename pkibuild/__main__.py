"""`python -m pkibuild`."""

from pkibuild.cli import entry

entry()
