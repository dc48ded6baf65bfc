"""`python -m velroload` is the command `velroload`."""

from velroload.cli.main import entry

if __name__ == "__main__":
    entry()
