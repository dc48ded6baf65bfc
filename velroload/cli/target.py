"""`velroload target`: the embedded reference target in the foreground, until it is stopped."""

from velroload.cli.values import Values


def main(values: Values) -> int:
    """Serve; the target reads its own flags, those of the environment first."""
    from velroload.target import command

    return command.main([*values.from_environment, *values.words])
