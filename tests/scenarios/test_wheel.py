"""The wheel alone, in an empty environment: everything that pkibuild needs is inside."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from helpers import EXAMPLES, ROOT, environment

PASSPHRASE = {"MYROOTCA_PASSPHRASE": "correct horse battery staple"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git would ship, in a folder of its own."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if name.startswith(("pkibuild/", "schemas/", "docs/man/")) or "/" not in name:
            copy(ROOT / name, source / name)
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def copy(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    if old.is_symlink():
        new.symlink_to(old.readlink())
    elif old.exists():
        new.write_bytes(old.read_bytes())


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`pkibuild` as installed from the wheel, with its dependencies from the package index."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "bin" / "pkibuild"


def run(program: Path, *argv: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    clean = {name: value for name, value in environment(env).items() if name != "PYTHONPATH"}
    done = subprocess.run([program, *argv], cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in [*(ROOT / "pkibuild").rglob("*"), *(ROOT / "pkibuild" / "schemas").iterdir()]
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert not ours - inside
    assert any(name.endswith("share/man/man1/pkibuild.1") for name in inside)


def test_version_and_schemas(program: Path, tmp_path: Path) -> None:
    assert run(program, "version", cwd=tmp_path).startswith("pkibuild ")
    assert json.loads(run(program, "schema", cwd=tmp_path))["type"] == "object"
    assert json.loads(run(program, "schema", "plan", cwd=tmp_path))["title"] == "pkibuild plan"


def test_the_starter_manifest_is_applied(program: Path, tmp_path: Path) -> None:
    run(program, "init", cwd=tmp_path)
    run(program, "apply", cwd=tmp_path, env={"PKI_PASSPHRASE": "correct horse battery staple"})
    assert (tmp_path / "pki/hosts/www/etc/ssl/certs/www.crt").exists()


def test_the_example_is_applied_from_another_folder(program: Path, tmp_path: Path) -> None:
    example, elsewhere = tmp_path / "examples", tmp_path / "elsewhere"
    example.mkdir()
    elsewhere.mkdir()
    (example / "pki.yaml").write_bytes((EXAMPLES / "pki.yaml").read_bytes())
    run(program, "apply", example / "pki.yaml", cwd=elsewhere, env=PASSPHRASE)
    assert not list(elsewhere.iterdir())
    assert "Nothing to do" in run(program, "plan", example / "pki.yaml", cwd=elsewhere)


HOOKS = {one["id"]: one for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


@pytest.mark.parametrize("name", ["pkibuild-validate", "pkibuild-lock"])
def test_the_hooks_for_pre_commit(program: Path, tmp_path: Path, name: str) -> None:
    """As that framework runs them: installed with pip, in the repository's root, here without file names."""
    hook = HOOKS[name]
    assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("python", False, True)
    command, *argv = shlex.split(hook["entry"])
    assert command == program.name
    (tmp_path / "lab.yaml").write_bytes((EXAMPLES / "pki.yaml").read_bytes())
    run(program, "apply", "lab.yaml", cwd=tmp_path, env=PASSPHRASE)
    run(program, *argv, "lab.yaml", cwd=tmp_path)
    lock = tmp_path / "lab.lock"
    lock.write_text("<<<<<<< HEAD\n" + lock.read_text())
    done = subprocess.run([program, *argv, "lab.yaml"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, "lab.lock:1:1: error[lock-conflict]" in done.stderr) == (1, True)
