"""`--fail-on`: a run that stops on what a reviewer must not miss."""

from __future__ import annotations

from argparse import Namespace, _ActionsContainer

from pkibuild.commands.options import wrong_usage
from pkibuild.commands.output import report
from pkibuild.core.diagnostics import Diagnostic, nearest
from pkibuild.model.plan import Plan
from pkibuild.world import World


def add_fail_on(parser: _ActionsContainer) -> None:
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="CODE",
        help="exit with 5 on a risk of that code (several with commas), or on any with `risk`",
    )


def fail_on(arguments: Namespace) -> tuple[str, ...]:
    """The codes asked for. Ends the run where one is unknown."""
    codes = tuple(code.strip() for codes in arguments.fail_on for code in codes.split(",") if code.strip())
    if not codes:
        return ()
    from pkibuild.review.risks import ANY, RISKS

    for code in codes:
        if code != ANY and code not in RISKS:
            near = nearest(code, (ANY, *RISKS))
            known = f"did you mean `{near}`?" if near else f"known are {', '.join((ANY, *RISKS))}"
            wrong_usage(f"--fail-on: there is no risk `{code}`; {known}")
    return codes


def stopped(plan: Plan, codes: tuple[str, ...], arguments: Namespace, world: World) -> int:
    """Tell the risks on which a plan was to stop; the exit code for that, 0 where there is none."""
    if not codes:
        return 0
    from pkibuild.plan.selection import STOPPED, stopping

    found: list[Diagnostic] = stopping(plan, codes)
    report(found, arguments, world)
    return STOPPED if found else 0
