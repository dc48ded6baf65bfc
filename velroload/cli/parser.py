"""The command line's grammar: commands, flags, help. Values stay text; cli/values.py reads them.

Only the standard library is imported, so that --help is fast and the man page can be built before
the core exists.
"""

import argparse
import re
from typing import NoReturn

from velroload import __version__
from velroload.errors import ConfigError, Exit

DESCRIPTION = """\
Load-test an HTTP service and say how sure the result is.

With no target the embedded reference target is started on loopback and gets the main job:
200 users, each logs in once, ramp 5 s, then 1,000 requests/s in total for 15 s."""

MEANINGS = {
    Exit.PASS: "the run passed",
    Exit.INTERNAL: "internal error",
    Exit.USAGE: "usage or configuration, or an output folder that cannot be written",
    Exit.PREFLIGHT: "the machine or the target cannot carry the run",
    Exit.INVALID: "incomplete or invalid run, or output lost after the measurement",
    Exit.REGRESSION: "regression found",
    Exit.INCONCLUSIVE: "inconclusive or not measured",
    Exit.FAIL: "a threshold or requirement failed",
    Exit.ABORTED: "aborted by a rule",
    Exit.INTERRUPTED: "interrupted (results are written)",
    Exit.TERMINATED: "terminated (results are written)",
}
"""What each exit code says; printed below --help."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are ConfigErrors of one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(plainer(message))


def plainer(message: str) -> str:
    """argparse's complaint in our words, the same in every Python version."""
    missing = re.fullmatch(r"argument (?:\S+/)?(\S+): expected one argument", message)
    if missing:
        flag = missing[1]
        return f"{flag}: its value is missing (one that begins with a dash: {flag}=-1)"
    extra = re.fullmatch(r"argument (?:\S+/)?(\S+): ignored explicit argument '(.*)'", message)
    if extra:
        return f"{extra[1]}: takes no value, got {extra[2]}"
    required = re.fullmatch(r"the following arguments are required: (.*)", message)
    return f"{required[1].lower()} is missing (see --help)" if required else message


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The whole grammar, which the man page and the completions are made from too.

    With `only` the other commands stay without their flags, which costs less.
    """
    codes = "\n".join(f"  {code.value:3d}  {text}" for code, text in MEANINGS.items())
    parser = Parser(
        prog="velroload",
        description=DESCRIPTION,
        epilog=f"exit codes:\n{codes}\n\n"
        "'run' may be left out: velroload URL. Every flag of a command may stand in the\n"
        "environment too (--rate: VELROLOAD_RATE); a flag wins over the environment.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print version and build, and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, text, add in (
        (
            "run",
            "carry out a plan, or load a URL or the embedded target (the default)",
            add_run_flags,
        ),
        (
            "init",
            "write a commented plan to begin with, or one of the shipped ones",
            add_init_flags,
        ),
        ("check", "read a plan and say everything that is wrong with it", add_check_flags),
        (
            "plan",
            "explain what a plan will send, and what cannot pass; sends nothing",
            add_forecast_flags,
        ),
        ("try", "send one user's iteration of a plan and show all of it", add_try_flags),
        ("import", "make a plan of something else: velro FILE, curl 'curl …'", add_import_flags),
        ("schema", "print the plans' JSON Schema, for editors", add_no_flags),
        ("report", "make the reports of a finished run again", add_report_flags),
        ("compare", "show what changed from one run to another", add_compare_flags),
        ("target", "serve the embedded reference target", add_target_flags),
        ("agent", "tell a velroload elsewhere what this machine does", add_agent_flags),
        ("completion", "print a shell's completion script", add_completion_flags),
    ):
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        if only in (None, name):
            add(command)
    return parser


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Name → parser of every command in the whole grammar."""
    return {
        name: command
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, command in action.choices.items()
    }


def add_run_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload run`, group by group."""
    parser.add_argument("target", nargs="?", metavar="PLAN|URL",
        help="PLAN.yaml, http[s]://HOST[:PORT]/PATH, or unix:/SOCKET[:/PATH]")  # fmt: skip
    add_plan_flags(parser.add_argument_group("plan"))
    add_load_flags(parser.add_argument_group("load"))
    add_request_flags(parser.add_argument_group("request"))
    add_connection_flags(parser.add_argument_group("connections"))
    add_tls_flags(parser.add_argument_group("https"))
    add_judgement_flags(parser.add_argument_group("judgement"))
    add_output_flags(parser.add_argument_group("output"))
    add_machine_flags(parser.add_argument_group("machine"))


def add_plan_flags(group: "argparse._ActionsContainer") -> None:
    """What a plan is read with."""
    add = group.add_argument
    add("--var", metavar="NAME=TEXT", action="append", help="a variable of the plan; repeatable")
    add("--set", metavar="PATH=VALUE", action="append",
        help="a key of the plan: load.users=50, flow[2].think=1s; repeatable")  # fmt: skip


def add_load_flags(group: "argparse._ArgumentGroup") -> None:
    """How much, how long, when."""
    add = group.add_argument
    add("-u", "--users", metavar="N", help="virtual users (10)")
    add("-R", "--rate", metavar="RATE", help="iterations started per second, the total: 500, 10k/s")
    add("--request-rate", metavar="RATE", help="requests per second, the total, instead of --rate")
    add("-d", "--duration", metavar="TIME", help="how long load is sent: 30s, 1h30m (10s)")
    add("-n", "--requests", metavar="N", help="stop after N requests (with -d: whichever is first)")
    add("-s", "--stage", metavar="TIME:LOAD", action="append",
        help="go to LOAD within TIME: 30s:100 users, 30s:100/s rate; repeatable")  # fmt: skip
    add("--ramp", metavar="TIME", help="raise users or rate from 0 within TIME, before --duration")
    add("--think", metavar="TIME", help='pause after an iteration: 1s, "uniform 1s 3s", '
        '"exponential 200ms" (none)')  # fmt: skip
    add("--arrival", metavar="PROCESS", help="spacing of starts at a rate: uniform, poisson")
    add("--max-vus", metavar="N", help="at a rate: users at most (rate × timeout, 10,000)")
    add("--late", metavar="POLICY", help="at a rate, no user free: late (default) or drop")
    add("--graceful-stop", metavar="TIME", help="wait for open requests at the end (30s)")
    add("--seed", metavar="N", help="seed of everything random, for the same run again")


def add_request_flags(group: "argparse._ArgumentGroup") -> None:
    """What is sent, over what."""
    add = group.add_argument
    add("-m", "--method", metavar="METHOD", help="GET, POST, … (GET; POST with a body)")
    add("-H", "--header", metavar="'NAME: VALUE'", action="append", help="a header; repeatable")
    add("-b", "--body", metavar="TEXT|@FILE", help="the request's body, or the file it is in")
    add("--json", metavar="TEXT|@FILE", help="a JSON body, with its content type")
    add("-F", "--form", metavar="NAME=VALUE", action="append",
        help="a part of a form; a file: NAME=@FILE;type=image/png; repeatable")  # fmt: skip
    add("--data-urlencode", metavar="NAME=VALUE", action="append",
        help="a field of a form, encoded; repeatable")  # fmt: skip
    add("--stream", action="store_true", help="send the body in chunks (Transfer-Encoding)")
    add("--compressed", action="store_true", help="ask for compressed answers (gzip, deflate)")
    add("--server-timing", action="store_true",
        help="keep figures of Server-Timing and X-Response-Time")  # fmt: skip
    add("--redirects", metavar="N", help="follow up to N redirects, one after the other (0)")
    add("--cookies", action="store_true", help="each user keeps and sends the target's cookies")
    add("--timeout", metavar="TIME", help="limit of a request, connecting included (10s)")


def add_connection_flags(group: "argparse._ArgumentGroup") -> None:
    """How connections are opened, used and closed, and where they go."""
    add = group.add_argument
    add("-c", "--connections", metavar="N", help="connections at most (one per user)")
    add("--connect-timeout", metavar="TIME", help="limit of connecting (3s)")
    add("--warm-connections", action="store_true", help="open all of them before the first request")
    add("--no-keepalive", action="store_true", help="a connection for each request")
    add("--requests-per-connection", metavar="N", help="close a connection after N requests")
    add("--no-retry", action="store_true",
        help="do not send a request again whose reused connection turns out closed")  # fmt: skip
    add("--reset-at-end", action="store_true", help="end connections by RST: no TIME_WAIT is left")
    add("--connect-to", metavar="HOST:PORT:ADDR:PORT", action="append",
        help="connect to ADDR:PORT for HOST:PORT, as curl does; repeatable")  # fmt: skip
    add("-4", "--ipv4", action="store_true", help="use IPv4 addresses only")
    add("-6", "--ipv6", action="store_true", help="use IPv6 addresses only")
    add("--source", metavar="ADDRS", help="connect from these local addresses in turn: "
        "127.0.0.2,127.0.0.3 or 127.0.1.0/24")  # fmt: skip


def add_tls_flags(group: "argparse._ArgumentGroup") -> None:
    """How https:// is spoken."""
    add = group.add_argument
    add("-k", "--insecure", action="store_true", help="accept any certificate (reports say so)")
    add("--cacert", metavar="FILE", help="trust these issuers (PEM), not the system's")
    add("--cert", metavar="FILE", help="our own certificate (PEM, with its key or --key)")
    add("--key", metavar="FILE", help="its key (PEM, without a passphrase)")
    add("--tls-min", metavar="VERSION", help="lowest version: 1.2, 1.3 (1.2)")
    add("--tls-max", metavar="VERSION", help="highest version: 1.2, 1.3 (1.3)")
    add("--ciphers", metavar="LIST", help="ciphers for TLS 1.2, as `openssl ciphers` names them")
    add("--server-name", metavar="HOST", help="send and check this name instead of the URL's")
    add("--tls-resume", action="store_true", help="a user's new connection resumes its session")


def add_judgement_flags(group: "argparse._ArgumentGroup") -> None:
    """What passes and what fails."""
    add = group.add_argument
    add("--slo", metavar="RULE", action="append",
        help="a threshold: 'p99<75ms' (response time), 'errors<1%%'; repeatable")  # fmt: skip
    add("--abort-on", metavar="RULE", action="append",
        help="end the run early: 'errors>5%% for 10s'; repeatable")  # fmt: skip
    add("--strict", action="store_true", help="a SUSPECT run exits 97")
    add("--inconclusive", metavar="pass", help="pass: an INCONCLUSIVE run exits 0")


def add_output_flags(group: "argparse._ArgumentGroup") -> None:
    """Where the result goes and how much is said."""
    add = group.add_argument
    add("--out", metavar="DIR", help="the run folder, new or empty (runs/DATE-TIME-NAME)")
    add("--report", metavar="FILE", action="append",
        help="one more report; its name says its kind: report.html, summary.pdf (.html, .md), "
        ".json, .md, junit.xml, .csv (series, endpoints, errors.csv), .png, .svg, .hgrm, .hlog, "
        ".txt; repeatable")  # fmt: skip
    add("-q", "--quiet", action="store_true", help="no progress, the result only")
    add("-v", "--verbose", action="store_true", help="service time and lags too")
    add("--no-color", action="store_true", help="no colour (as NO_COLOR)")


def add_machine_flags(group: "argparse._ArgumentGroup") -> None:
    """How this machine is used, and which hosts it may load."""
    add = group.add_argument
    add("-w", "--workers", metavar="W", help="auto, a number, or CPUs as cpus:1,3-5 (auto)")
    add("--idle", metavar="HOW", help="a worker waits by sleep, spin or auto (auto)")
    add("--allow-host", metavar="HOST", action="append",
        help="consent to load this host, redirects to it included; repeatable")  # fmt: skip
    add("--allow-debug-core", action="store_true", help="run with a debug core")


def add_check_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload check`."""
    parser.add_argument("plan", metavar="PLAN", help="PLAN.yaml")
    add_plan_flags(parser)


def add_init_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload init`."""
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME",
        help="a shipped plan: spike, soak, velro-prd, … (quickstart)")  # fmt: skip
    add("--out", metavar="FILE", help="where to (NAME.yaml); nothing is overwritten")
    add("--ci", metavar="KIND", help="a CI file that runs it, too: github or gitlab")
    add("--list", action="store_true", help="list the shipped plans")


def add_forecast_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload plan`."""
    add_check_flags(parser)
    add = parser.add_argument
    add("-w", "--workers", metavar="W", help="auto, a number, or CPUs as cpus:1,3-5 (auto)")
    add("--json", action="store_true", help="as data")


def add_try_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload try`."""
    add_check_flags(parser)
    add = parser.add_argument
    add("--phase", metavar="NAME", help="with the mix of this phase (the first)")
    add("--scenario", metavar="NAME", help="a user of this scenario (the first)")
    add("--user", metavar="N", help="its number, which chooses rows and what chance decides (0)")
    add("--seed", metavar="N", help="seed of everything random (the plan's)")
    add("--all", action="store_true", help="show whole bodies, not only their beginning")
    add("--allow-host", metavar="HOST", action="append", help="consent to this host; repeatable")
    add("--no-color", action="store_true", help="no colour (as NO_COLOR)")


def add_import_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload import`."""
    add = parser.add_argument
    add("kind", metavar="KIND", help="velro or curl")
    add("source", nargs="?", metavar="FILE|TEXT", help="what to read; - or nothing: stdin")
    add("--out", metavar="FILE", help="where to (stdout); nothing is overwritten")


def add_no_flags(parser: argparse.ArgumentParser) -> None:
    """Of a command that has none."""


def add_report_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload report`."""
    parser.add_argument("folder", nargs="?", metavar="DIR", help="a run folder (runs/latest)")
    add = parser.add_argument
    add("--report", metavar="FILE", action="append",
        help="where to; its name says its kind, see velroload run --help; repeatable")  # fmt: skip
    add("-v", "--verbose", action="store_true", help="service time and lags too")
    add("--strict", action="store_true", help="a SUSPECT run exits 97")
    add("--inconclusive", metavar="pass", help="pass: an INCONCLUSIVE run exits 0")


def add_compare_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload compare`."""
    parser.add_argument("first", metavar="RUN", help="a run folder")
    parser.add_argument("second", metavar="RUN", help="the one to hold against it")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="all that differs besides")


def add_target_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload target`: the target's own."""
    from velroload.target.flags import add_arguments

    add_arguments(parser)


def add_agent_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload agent`."""
    add = parser.add_argument
    add("--host", metavar="ADDRESS", help="where to listen (127.0.0.1); elsewhere needs a token")
    add("--port", metavar="PORT", help="port to listen on, 0 for a free one (9101)")
    add("--token-file", metavar="FILE",
        help="the token that readers must bring (or VELROLOAD_AGENT_TOKEN)")  # fmt: skip


def add_completion_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `velroload completion`."""
    parser.add_argument("shell", metavar="SHELL", help="bash or zsh")


def version_text() -> str:
    """Version, build profile and compiler of the core; what is missing when it is not built."""
    try:
        from velroload import _core
    except ModuleNotFoundError:
        return f"velroload {__version__} (core not built: run `pip install -e .`)"
    build = " · ".join(f"{key} {value}" for key, value in _core.BUILD.items())
    return f"velroload {__version__} ({build})"
