"""A git repository under test, whatever the configuration of who runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(folder: Path, *argv: str) -> str:
    """Run git there; what it prints."""
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **{f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    done = subprocess.run(["git", *argv], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout


def commit(folder: Path, *paths: str) -> str:
    """Commit these, or all that is there; the commit's id."""
    git(folder, "add", *(paths or ("-A",)))
    git(folder, "commit", "-qm", "change")
    return git(folder, "rev-parse", "HEAD").strip()
