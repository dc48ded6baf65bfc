"""`velroload completion bash|zsh`: a completion script, made by shtab from the parser."""

from velroload.cli.parser import build_parser
from velroload.cli.values import Values
from velroload.errors import ConfigError, Exit

SHELLS = ("bash", "zsh")


def main(values: Values) -> int:
    """Print the script; exit 0."""
    import shtab

    shell = values.text("shell")
    if shell not in SHELLS:
        raise ConfigError(f"completion {shell}: one of {', '.join(SHELLS)} is needed")
    print(shtab.complete(build_parser(), shell=shell))
    return Exit.PASS
