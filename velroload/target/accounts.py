"""What users of the target must know beforehand: its accounts, and where its secret is given.

Standard library only, so that a coordinator can name the accounts without loading the service.
"""

DEFAULT_PASSWORD = "velroload-target"
"""Password of every seeded account; `--password` changes it. No secret: the data is made up."""
SECRET_VARIABLE = "VELROLOAD_TARGET_SECRET"
"""Of the environment: what tokens are signed with; a new secret without it."""


def email_of(index: int | str) -> str:
    """Address of the seeded account number `index`, from 0 (a domain that nobody can own).

    A flow gives the text that stands for the number, ${user}.
    """
    return f"user{index}@example.com"
