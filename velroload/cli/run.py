"""`velroload run`: flags → Plan and Options, consent, and then the runner's work."""

import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from velroload.cli.address import read_url
from velroload.cli.consent import require_consent
from velroload.cli.flags import make_plan
from velroload.cli.progress import LiveUi, PlainUi, make_ui
from velroload.cli.values import Values, one_of, refusal
from velroload.cli.words import plan_in_words
from velroload.errors import ConfigError
from velroload.units import parse_count

if TYPE_CHECKING:
    from velroload.plan.model import Plan
    from velroload.runner.options import Options

MASK = "***"


def main(values: Values) -> int:
    """One run; the exit code that its result has earned."""
    assumed: list[str] = []
    plan = make_plan(values, assumed)
    ui = make_ui(values.yes("quiet"), not values.yes("no_color"), values.environ)
    options = make_options(values, plan)
    refuse_debug_core(options)
    options = with_addresses(options, values.environ, plan, ui)
    from velroload.runner.embedded import SAID
    from velroload.runner.run import execute

    if not values.has("target"):
        ui.say(SAID)
    if assumed:
        ui.say(f"assumed: {', '.join(assumed)}")
    proxies = proxies_of(plan.target, values.environ)
    if proxies:
        ui.say(f"ignored: {', '.join(proxies)}; requests go straight to the target")
    try:
        return execute(plan, options, ui)
    finally:
        ui.close()


def proxies_of(target: str, environ: Mapping[str, str]) -> list[str]:
    """Names of the environment's settings that would have other clients take a proxy."""
    scheme = target.partition(":")[0]
    names = (f"{scheme}_proxy", "all_proxy") if scheme in ("http", "https") else ()
    return [word for name in names for word in (name, name.upper()) if environ.get(word)]


def make_options(values: Values, plan: "Plan") -> "Options":
    """How the run is carried out."""
    from velroload.runner.options import Options

    return Options(
        workers=values.one("workers", read_workers) or "auto",
        out=values.one("out", read_folder) or plan.output.folder,
        reports=(
            *(read_report(name, "output.reports") for name in plan.output.reports),
            *values.each("report", read_report),
        ),
        idle=values.one("idle", one_of("sleep", "spin", "auto")) or "auto",
        verbose=values.yes("verbose"),
        quiet=values.yes("quiet"),
        strict=values.yes("strict"),
        inconclusive_pass=values.one("inconclusive", one_of("pass")) is not None,
        allow_debug_core=values.yes("allow_debug_core"),
        command=shlex.join(
            ["velroload", "run", *(masked(word, plan.secrets) for word in values.words)]
        ),
    )


def with_addresses(
    options: "Options", environ: Mapping[str, str], plan: "Plan", ui: PlainUi | LiveUi
) -> "Options":
    """Resolve the target's name once, ask for consent, and bind the run to what was checked."""
    from dataclasses import replace

    from velroload.plan.model import EMBEDDED

    if plan.target == EMBEDDED:
        return replace(options, called=called_addresses(plan, ui, environ))
    address = read_url(plan.target, "target")
    if address.scheme == "unix":
        called = called_addresses(plan, ui, environ)
        return replace(options, addresses=((address.base, 0),), called=called)
    from velroload.host.resolve import resolve

    host, port = plan.connecting.place(address.host, address.port)
    found = resolve(host, port, family=plan.connecting.family)
    hosts = [at for at, _ in found]
    require_consent(host, hosts, plan_in_words(plan), ui, allowed=plan.allow_hosts, environ=environ)
    others = other_addresses(plan, ui, environ)
    called = called_addresses(plan, ui, environ)
    return replace(options, addresses=tuple(found), others=others, called=called)


def other_addresses(
    plan: "Plan", ui: PlainUi | LiveUi, environ: Mapping[str, str]
) -> "tuple[tuple[str, tuple[tuple[str, int], ...]], ...]":
    """Where redirects may lead beside the target, resolved before the start. Its own host is asked
    for by https where that can be resolved; a host of the allow-list has to be resolved."""
    from velroload.host.resolve import resolve
    from velroload.plan.flow import requests_in
    from velroload.protocol.address import Target
    from velroload.protocol.redirect import base_url, other_targets

    once = requests_in((*plan.setup, *plan.teardown))
    every = (*once, *(request for each in plan.scenarios for request in each.every_request))
    if not any(request.redirects for request in every):
        return ()
    target = Target.of(plan.target)
    load = "redirects of the target"
    found = []
    for other in other_targets(target, plan.allow_hosts):
        host, port = plan.connecting.place(other.host, other.port)
        addresses = resolve(host, port, family=plan.connecting.family)
        allowed = (*plan.allow_hosts, *(() if other.host == target.host else (other.host,)))
        hosts = [at for at, _ in addresses]
        require_consent(host, hosts, load, ui, allowed=allowed, environ=environ)
        found.append((base_url(other), tuple(addresses)))
    return tuple(found)


def called_addresses(
    plan: "Plan", ui: PlainUi | LiveUi, environ: Mapping[str, str]
) -> "tuple[tuple[str, tuple[tuple[str, int], ...]], ...]":
    """The servers beside the target that events call, each resolved and consented to before the
    start."""
    from velroload.host.resolve import resolve
    from velroload.protocol.address import Target
    from velroload.protocol.redirect import base_url

    events = [event for phase in plan.phases for event in phase.events]
    urls = dict.fromkeys(e.url for e in events if e.url.startswith(("http://", "https://")))
    found = {}
    for url in urls:
        other = Target.of(url)
        hosts = resolve(other.host, other.port, family=plan.connecting.family)
        names = [at for at, _ in hosts]
        load = "a request of an event"
        require_consent(other.host, names, load, ui, allowed=plan.allow_hosts, environ=environ)
        found[base_url(other)] = tuple(hosts)
    return tuple(found.items())


def refuse_debug_core(options: "Options") -> None:
    """ConfigError when the core is not a release build and nobody said that this is meant."""
    from velroload import _core

    profile = _core.BUILD["profile"]
    if profile != "release" and not options.allow_debug_core:
        raise ConfigError(
            f"the core is a {profile} build, which measures 6 to 12 times slower: "
            "run `make core`, or add --allow-debug-core"
        )


def read_workers(text: str, noun: str) -> str:
    """auto, a number from 1 to 1,024, or cpus:1,3-5."""
    if text == "auto":
        return text
    if re.fullmatch(r"cpus:[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*", text):
        for part in text.removeprefix("cpus:").split(","):
            first, dash, last = part.partition("-")
            if dash and int(last) < int(first):
                raise refusal(noun, text, f"{part} ends before it begins")
        return text
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not 1 <= parse_count(text) <= 1024:
        raise refusal(noun, text, "write auto, a number from 1 to 1024, or CPUs as cpus:1,3-5")
    return str(int(text))


def read_folder(text: str, noun: str) -> str:
    """A folder's name."""
    if not text or "\0" in text:
        raise refusal(noun, text, "name a folder")
    return text


def read_report(text: str, noun: str) -> str:
    """A report's file, whose name says its kind."""
    from velroload.report import report_named

    try:
        report_named(text)
    except ConfigError as error:
        raise refusal(noun, text, str(error)) from None
    return text


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """`text` with every secret blotted out, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
