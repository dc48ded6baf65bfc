"""The flags of https://, and the line that each mistake gets."""

import argparse
from pathlib import Path

import pytest

from tests.servers.tls import Authority
from velroload.cli.flags import make_plan
from velroload.cli.https import TLS_FLAGS
from velroload.cli.parser import build_parser, subcommands
from velroload.cli.values import Values
from velroload.errors import ConfigError
from velroload.plan.tls import Tls

URL = "https://127.0.0.1:8443/x"


def tls_of(url: str, *words: str) -> Tls:
    parser = subcommands(build_parser())["run"]
    nothing = argparse.Namespace(**{action.dest: None for action in parser._actions})
    values = Values(parser.parse_args([url, *words], nothing), parser, {}, [url, *words])
    return make_plan(values, []).tls


def mistake(url: str, *words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        tls_of(url, *words)
    return str(caught.value)


def test_certificates_are_checked_unless_told_otherwise() -> None:
    assert tls_of(URL) == Tls()
    assert tls_of(URL, "-k") == Tls(verify=False)


def test_every_flag_arrives(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.client_files()
    words = f"--cacert {authority.ca} --cert {cert} --key {key} --tls-min 1.2 --tls-max 1.2"
    more = "--ciphers AES128 --server-name service.test --tls-resume"
    assert tls_of(URL, *words.split(), *more.split()) == Tls(
        ca=authority.ca,
        cert=cert,
        key=key,
        maximum="1.2",
        ciphers="AES128",
        server_name="service.test",
        resume=True,
    )


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    assert mistake(URL, "--cacert", "/absent.pem") == (
        "--cacert '/absent.pem': it cannot be read: no such file or directory"
    )


@pytest.mark.parametrize("flag", TLS_FLAGS)
def test_a_plain_target_has_no_use_for_them(flag: str) -> None:
    name = f"--{flag.replace('_', '-')}"
    switch = flag in ("insecure", "tls_resume")
    assert mistake("http://127.0.0.1:8080/", *([name] if switch else [name, "1.2"])) == (
        f"{name}: the target does not speak TLS; write https://"
    )
