"""The command line itself: finding commands, wrong usage, errors, what is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest
from helpers import ROOT, Project, environment, run, run_here

from pkibuild import __version__, cli
from pkibuild.commands import describe, options, registry
from pkibuild.core.diagnostics import Diagnostic, Span, UserError
from pkibuild.views import progress
from pkibuild.views.manpage import text as manpage
from pkibuild.world import World

NAMES = [name for name, _ in registry.COMMANDS]


def test_help_names_every_command() -> None:
    told = run_here("--help").ok()
    assert all(f"\n  {name} " in told.out for name in NAMES)
    assert told.out == run_here().out == run_here("help").out


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_examples(name: str) -> None:
    told = run_here(name, "--help").ok()
    assert told.out.startswith(f"usage: pkibuild {name}")
    assert "\nexamples:\n  " in told.out
    assert told.out == run_here("help", name).out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["aply"], "there is no command `aply`; did you mean `apply`?"),
        (["-q", "plan"], "options come after the command"),
        (["plan", "--outptu", "x"], "unrecognized arguments: --outptu (did you mean --output?)"),
        (["plan", "--outp", "x"], "--outp"),
        (["plan", "a.yaml", "-f", "b.yaml"], "two manifests: a.yaml and -f b.yaml"),
        (["plan", "--format", "svg"], "invalid choice: 'svg'"),
        (["apply", "--jobs", "0"], "0 is no whole number from 1 on"),
        (["bundle"], "HOST"),
        (["apply", "--output", ""], "argument --output: an empty word names no file or folder"),
        (["apply", "--plan", ""], "argument --plan: an empty word names no file or folder"),
        (["apply", ""], "argument MANIFEST: an empty word names no file or folder"),
        (["apply", "-f", ""], "argument -f/--file: an empty word names no file or folder"),
    ],
)
def test_wrong_usage_exits_with_64(argv: list[str], told: str) -> None:
    result = run_here(*argv)
    assert result.status == 64
    assert told in result.err
    assert not result.out


def test_prune_takes_no_manifest_for_its_pattern() -> None:
    parser = options.parser_for("apply", "x")
    cli_module("apply").register(parser)
    assert vars(parser.parse_args(["--prune", "a.yaml"]))["manifest"] == "a.yaml"
    assert parser.parse_args(["--prune", "a.yaml"]).prune == ""
    assert parser.parse_args(["--prune=host/*"]).prune == "host/*"
    assert parser.parse_args([]).prune is None


def cli_module(name: str) -> ModuleType:
    from importlib import import_module

    return import_module(f"pkibuild.commands.{name}")


# -- the boundary -------------------------------------------------------------------


def failing(error: BaseException) -> ModuleType:
    """A command that fails."""
    command = ModuleType("pkibuild.commands.failing")

    def register(parser: options.Parser) -> None:
        options.common(parser)

    def fail(arguments: Namespace, world: World) -> int:
        raise error

    command.register = register  # type: ignore[attr-defined]  # a module is made of attributes
    command.run = fail  # type: ignore[attr-defined]  # likewise
    return command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    def put(error: BaseException) -> None:
        monkeypatch.setitem(sys.modules, "pkibuild.commands.failing", failing(error))
        monkeypatch.setattr(cli, "COMMANDS", (*registry.COMMANDS, ("failing", "fails")))

    return put


PROBLEM = Diagnostic("bad-name", "no name: `x`", span=Span("pki.yaml", 2, 4, 1, "a: x"))


def test_a_users_mistake_is_told_without_a_traceback(command) -> None:
    command(UserError(PROBLEM, status=3))
    result = run_here("failing")
    assert result.status == 3
    assert result.err == "pki.yaml:2:4: error[bad-name]: no name: `x`\n    2 | a: x\n      |    ^\n"


def test_diagnostics_in_json(command) -> None:
    command(UserError(PROBLEM))
    result = run_here("failing", "--format", "json")
    assert result.status == 1
    assert json.loads(result.err)["diagnostics"][0]["code"] == "bad-name"


def test_colours_of_diagnostics(command) -> None:
    command(UserError(PROBLEM))
    assert "\x1b[" in run_here("failing", "--color", "always").err
    assert "\x1b[" not in run_here("failing", "--color", "auto").err


def test_a_bug_shows_its_traceback_and_how_to_report_it(command) -> None:
    command(ZeroDivisionError("oops"))
    result = run_here("failing")
    assert result.status == 1
    assert "Traceback" in result.err
    assert result.err.endswith(f"ZeroDivisionError: oops\n{cli.REPORT}\n")


def test_an_interrupt_exits_with_130(command) -> None:
    command(KeyboardInterrupt())
    result = run_here("failing")
    assert result.status == 130
    assert "Traceback" not in result.err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    pipe = f"{sys.executable} -m pkibuild schema plan | head -c 1 >&2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", pipe], env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "{")


# -- start-up -----------------------------------------------------------------------


def modules_after(code: str, cwd: Path | None = None) -> set[str]:
    code += "\nprint(' '.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"], env=environment(), capture_output=True, text=True, cwd=cwd
    )
    return set(done.stderr.split("\n")[-2].split())


def test_a_run_looks_for_no_garbage(project: Project) -> None:
    """Its values live to its end; who calls `main` decides that for itself."""
    project.run_here("init").ok()
    code = "import gc, sys\nfrom pkibuild.cli import entry, main\nsys.argv[1:] = ['validate']\n"
    code += "gc.callbacks.append(lambda phase, info: print('collected', phase))\n"
    told = {}
    for call in ("main(sys.argv[1:])", "entry()"):
        done = subprocess.run(
            [sys.executable, "-c", code + call], env=environment(), capture_output=True, text=True, cwd=project.folder
        )
        told[call] = "collected start" in done.stdout
    assert told == {"main(sys.argv[1:])": True, "entry()": False}


@pytest.mark.parametrize("command", ["schema", "completion bash", "--help", "version"])
def test_output_that_cannot_be_written_is_told_without_a_traceback(command: str) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "pkibuild", *command.split()], stdout=full, stderr=subprocess.PIPE, text=True,
            env=environment(), check=False,
        )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr == "pkibuild: error: cannot write standard output: no space left on device\n"


@pytest.mark.parametrize("closed", ["0", "1", "2", "0 1 2"])
def test_closed_streams_are_no_error(closed: str, project: Project) -> None:
    project.run_here("init").ok()
    gone = " ".join(f"{number}>&-" for number in closed.split())
    line = f'"$0" -m pkibuild plan {gone}; echo $?; "$0" -m pkibuild nothing {gone}; echo $?'
    result = subprocess.run(
        ["sh", "-c", line, sys.executable], capture_output=True, text=True, cwd=project.folder, env=environment(),
        check=True,
    )  # fmt: skip
    assert result.stdout.endswith("0\n64\n")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_cannot_show_a_character_shows_its_code(encoding: str, project: Project) -> None:
    project.run_here("init").ok()
    told = project.run("plan", env={"PYTHONIOENCODING": encoding}).ok()
    assert told.out.startswith("pki.yaml \\u2192 pki/")


def test_importing_the_command_line_imports_next_to_nothing() -> None:
    bare = modules_after("import os, __future__")  # an editable installation has imported the latter already
    assert modules_after("import pkibuild.cli") - bare == {
        "pkibuild",
        "pkibuild.cli",
        "pkibuild.commands",
        "pkibuild.commands.registry",
    }


HEAVY = {"cryptography", "jinja2", "jsonschema", "yaml"}


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["plan", "--help"], ["completion", "bash"]], ids=" ".join)
def test_nothing_heavy_is_imported_for_help(argv: list[str]) -> None:
    assert not modules_after(f"import pkibuild.cli\npkibuild.cli.main({argv!r})") & HEAVY


# -- version, schema, man page ------------------------------------------------------


def test_version() -> None:
    assert run_here("--version").ok().out == f"pkibuild {__version__}\n"
    lines = dict(line.split(" ", 1) for line in run_here("version").ok().out.splitlines())
    assert list(lines) == ["pkibuild", "python", "cryptography", "openssl"]
    assert json.loads(run_here("version", "--format", "json").ok().out) == lines


def test_schema_of_a_plan() -> None:
    told = run("schema", "plan").ok().out
    assert told == (ROOT / "schemas" / "plan.schema.json").read_text()


def test_schema_of_a_manifest_is_the_committed_one(project: Project) -> None:
    told = run_here("schema").ok().out
    assert told == (ROOT / "schemas" / "pki.schema.json").read_text()
    project.run_here("init").ok()
    assert project.run_here("schema", "-f", "pki.yaml").ok().out == told
    assert project.run_here("schema", "plan", "-f", "pki.yaml").status == 64


def test_the_man_page_is_not_stale() -> None:
    """Written anew by docs/man/generate."""
    committed = (ROOT / "docs" / "man" / "pkibuild.1").read_text()
    assert committed == manpage(describe.commands(registry.COMMANDS), __version__)


# -- init ---------------------------------------------------------------------------


def test_init_writes_a_manifest_and_overwrites_nothing(project: Project) -> None:
    told = project.run_here("init").ok()
    assert "pki.yaml: written." in told.out
    written = (project.folder / "pki.yaml").read_text()
    assert "\nversion: 1\n" in written
    project.write("mine")
    again = project.run_here("init")
    assert again.status == 1
    assert "error[manifest-exists]: `pki.yaml` exists already" in again.err
    assert (project.folder / "pki.yaml").read_text() == "mine"


def test_init_makes_no_folders(project: Project) -> None:
    told = project.run_here("init", "lab/pki.yaml")
    assert told.status == 1
    assert told.err.startswith("error[write-failed]: cannot write `lab/pki.yaml`: there is no folder `lab`\n")
    assert not list(project.folder.iterdir())


def test_init_from_an_existing_pki_is_not_yet_supported(project: Project) -> None:
    told = project.run_here("init", "--from", "elsewhere")
    assert told.status == 1
    assert "error[not-supported]" in told.err
    assert not list(project.folder.iterdir())


# -- progress -----------------------------------------------------------------------


class Clocked(World):
    """A world whose progress clock moves when it is told to."""

    def __init__(self) -> None:
        super().__init__({})
        self.time = 0.0
        self.told: list[str] = []

    def ticks(self) -> float:
        return self.time

    def err(self, text: str) -> None:
        self.told.append(text)


def test_progress_is_shown_on_long_work_at_most_ten_times_a_second() -> None:
    world = Clocked()
    shown = progress.ProgressLine(world, enabled=True)
    shown.start(100)
    for number in range(100):
        world.time = number / 50
        shown.step(f"host/{number}\x1b")
    shown.done()
    assert world.told[0].startswith("\r\x1b[K[26/100] host/25\\x1b")
    assert 10 <= len(world.told) <= 17
    assert world.told[-1] == "\r\x1b[K"


def test_short_work_and_no_terminal_show_no_progress() -> None:
    world = Clocked()
    for enabled in (True, False):
        shown = progress.ProgressLine(world, enabled=enabled)
        shown.start(2)
        world.time += 0.1 if enabled else 100
        shown.step("a")
        shown.done()
    assert world.told == []
