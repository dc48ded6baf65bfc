"""Limits that a plan sets itself: a plan that could exceed one is refused before it starts."""

from dataclasses import dataclass
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.units import format_duration, format_rate


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many users at once, requests per second offered, and time from start to end.

    A closed load offers no rate: max_rate refuses it unless users and think time bound it.
    """

    max_users: int | None = None
    max_rate_per_s: Fraction | None = None
    max_duration_ns: int | None = None

    def check(self, users: int, rate_per_s: Fraction | None, duration_ns: int | None) -> None:
        """ConfigError when one is exceeded; None: not known, nothing bounds it."""
        if self.max_users is not None and users > self.max_users:
            raise ConfigError(f"limits: {users} users are more than max_users {self.max_users}")
        if self.max_rate_per_s is not None and (
            rate_per_s is None or rate_per_s > self.max_rate_per_s
        ):
            most = format_rate(self.max_rate_per_s)
            raise ConfigError(
                f"limits: nothing bounds the rate, max_rate is {most}; give the load a rate"
                if rate_per_s is None
                else f"limits: {format_rate(rate_per_s)} are more than max_rate {most}"
            )
        if self.max_duration_ns is not None and (
            duration_ns is None or duration_ns > self.max_duration_ns
        ):
            most = format_duration(self.max_duration_ns)
            raise ConfigError(
                f"limits: nothing bounds the duration, max_duration is {most}; add hold"
                if duration_ns is None
                else f"limits: {format_duration(duration_ns)} is longer than max_duration {most}"
            )
