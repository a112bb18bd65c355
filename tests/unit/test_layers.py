"""The architecture's rules, read from the syntax trees of all modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pkibuild"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "schemas" not in path.parts)

ROOMS = (
    "core",
    "model",
    "world",
    "documents",
    "keys",
    "x509",
    "rendering",
    "state",
    "packs",
    "cache",
    "manifest",
    "observe",
    "review",
    "artifacts",
    "resolve",
    "plan",
    "record",
    "execute",
    "deliver",
    "views",
    "pipeline",
    "commands",
    "cli",
    "__main__",
)
"""From the bottom up: a room imports from those before it and no others, wherever the import stands."""

MOST_LEVELS = 11
"""How many rooms may stand on top of each other."""

VIEWS_MAY_IMPORT = {"core", "model", "world", "documents", "views"}
OUTSIDE = {"world", "cache"}
"""The rooms that may touch clock, files, environment, processes and terminal."""

OUTSIDE_MODULES = {
    "os", "subprocess", "pathlib", "shutil", "tempfile", "getpass", "random", "secrets", "socket", "signal", "glob",
    "io", "fcntl", "pwd", "grp", "select", "mmap", "fileinput", "logging",
}  # fmt: skip
PURE = {
    "time": {"gmtime", "strftime"},  # of a given time
    "sys": {"getsizeof", "maxsize", "intern", "version_info", "getrecursionlimit"},
    "os.path": None,  # names only; what looks at files is refused below
    "posixpath": None,
}
LOOKING = {"exists", "lexists", "isfile", "isdir", "islink", "getsize", "getmtime", "realpath", "abspath", "samefile",
           "expanduser", "expandvars", "ismount"}  # fmt: skip
CLOCK = {"now", "today", "utcnow"}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that is imported, absolutely, with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(path)}:{node.lineno}: imports are absolute"
            assert node.module
            if node.module == "pkibuild":
                yield from ((f"pkibuild.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def rooms_needed() -> dict[str, set[str]]:
    """By room, the rooms that it imports from, anywhere in its modules."""
    needs: dict[str, set[str]] = {}
    for path in MODULES:
        others = {module.split(".")[1] for module, _ in imported(path) if module.startswith("pkibuild.")}
        needs.setdefault(room(path), set()).update(others - {room(path), "__version__"})
    return needs


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in MODULES} - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down_only(path: Path) -> None:
    own = room(path)
    for module, line in imported(path):
        if not module.startswith("pkibuild.") or own == "__init__":
            continue
        other = module.split(".")[1]
        if other not in (own, "__version__"):
            assert ROOMS.index(other) < ROOMS.index(own), f"{name_of(path)}:{line}: {own} imports {other}"


def test_the_house_is_not_too_high() -> None:
    needs = rooms_needed()
    level: dict[str, int] = {}
    for name in ROOMS[: ROOMS.index("cli")]:
        level[name] = 1 + max((level[other] for other in needs[name]), default=0)
    assert max(level.values()) <= MOST_LEVELS, level


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_records_are_msgspec_structs(path: Path) -> None:
    """One way to define them; `dataclasses` compiles six functions for each class, in every run."""
    assert "dataclasses" not in {module for module, _ in imported(path)}


def test_no_modules_import_each_other_in_a_circle() -> None:
    needs = {dotted(path): needed(path) for path in MODULES if path.name != "__init__.py"}
    while True:
        free = {name for name, others in needs.items() if not others & needs.keys()}
        needs = {name: others for name, others in needs.items() if name not in free}
        if not free:
            break
    assert not needs


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def needed(path: Path) -> set[str]:
    """Modules that are imported, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


WRITES = {
    "write", "create", "append", "truncate", "rename", "link", "write_link", "remove", "remove_bare", "set_mode",
    "make_folder", "remove_empty_folders", "write_file", "remove_leftover",
}  # fmt: skip
"""What changes a file: methods of `Tree`, and functions of `world.files`."""
MAY_WRITE = {"execute", "record", "cache", "world"}
ALSO_WRITES = {
    "pkibuild/commands/init.py": "the starter manifest",
    "pkibuild/commands/planning.py": "`plan --out FILE`",
    "pkibuild/observe/workspace.py": "takes its lock away again where it made the folder for nothing",
    "pkibuild/state/lock/committed.py": "the lock, for `record`",
}


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) not in MAY_WRITE], ids=name_of)
def test_only_execution_records_and_caches_write(path: Path) -> None:
    writes = [
        f"{name_of(path)}:{node.lineno}: {ast.unparse(node.func)}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and writing(node.func)
    ]
    assert bool(writes) == (name_of(path) in ALSO_WRITES), writes


def writing(function: ast.expr) -> bool:
    """Whether a called function changes a file: a method of something called tree, or a function of `world.files`."""
    if isinstance(function, ast.Name):
        return function.id in ("write_file", "remove_leftover")
    return isinstance(function, ast.Attribute) and function.attr in WRITES and "tree" in ast.unparse(function.value)


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) == "views"], ids=name_of)
def test_views_import_values_only(path: Path) -> None:
    others = {module.split(".")[1] for module, _ in imported(path) if module.startswith("pkibuild.")}
    assert others <= VIEWS_MAY_IMPORT


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) not in OUTSIDE], ids=name_of)
def test_only_world_touches_the_outside(path: Path) -> None:
    found = list(touches(path))
    if room(path) == "cli":  # the process's own edge: arguments, exit code, a closed pipe
        found = [one for one in found if not re.search(r"\b(sys|os)\b", one)]
    if path.name == "options.py" and room(path) == "commands":  # argparse writes to sys.stderr itself
        found = [one for one in found if not re.search(r"sys\.(stderr|argv)", one)]
    assert not found


def touches(path: Path) -> Iterator[str]:
    for module, line in imported(path):
        base = module.split(".")[0]
        if base in OUTSIDE_MODULES and module not in PURE:
            yield f"{name_of(path)}:{line}: import {module}"
    for node in ast.walk(tree(path)):
        told = touch(node)
        if told:
            yield f"{name_of(path)}:{node.lineno}: {told}"  # type: ignore[attr-defined]  # all that touch() names have it


def touch(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "input", "print"):
        return f"{node.func.id}()"
    if isinstance(node, ast.ImportFrom) and node.module in PURE:
        pure = PURE[node.module]
        for alias in node.names:
            if alias.name in LOOKING or (pure is not None and alias.name not in pure):
                return f"from {node.module} import {alias.name}"
    if not isinstance(node, ast.Attribute):
        return ""
    owner = ast.unparse(node.value)
    if owner in PURE and (node.attr in LOOKING or (PURE[owner] is not None and node.attr not in (PURE[owner] or ()))):
        return f"{owner}.{node.attr}"
    if node.attr in CLOCK and owner.split(".")[-1] in ("datetime", "date"):
        return f"{owner}.{node.attr}"
    return ""


def packs() -> set[str]:
    return {path.parent.name for path in PACKAGE.glob("packs/builtin/*/service.yaml")}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_packs_name_in_python(path: Path) -> None:
    names = packs() - {"files"}  # an ordinary word, and the one type that is a feature of its own
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in names:
            raise AssertionError(f"{name_of(path)}:{node.lineno}: {node.value!r}")
        if isinstance(node, ast.Name) and node.id.lower() in names:
            raise AssertionError(f"{name_of(path)}:{node.lineno}: {node.id}")


def test_the_rules_see_what_they_forbid() -> None:
    """The checks above can fail."""
    assert touch(ast.parse("open('x')").body[0].value)  # type: ignore[attr-defined]  # an expression statement
    assert touch(ast.parse("time.time()").body[0].value.func)  # type: ignore[attr-defined]  # likewise
    assert touch(ast.parse("datetime.datetime.now").body[0].value)  # type: ignore[attr-defined]  # likewise
    assert touch(ast.parse("sys.stdout").body[0].value)  # type: ignore[attr-defined]  # likewise
    assert touch(ast.parse("from os.path import exists").body[0])
    assert not touch(ast.parse("time.gmtime").body[0].value)  # type: ignore[attr-defined]  # likewise
