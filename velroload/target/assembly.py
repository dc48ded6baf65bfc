"""One worker's service, put together from its parts."""

import asyncio
from typing import Any

from velroload.target.api import public
from velroload.target.api.accounts import AccountsApi
from velroload.target.api.auth import AuthApi
from velroload.target.api.generations import GenerationsApi
from velroload.target.api.observer import ObserverApi
from velroload.target.api.status import StatusApi
from velroload.target.audit import Audit
from velroload.target.breakers import Breakers, State
from velroload.target.bus import Bus
from velroload.target.counters import Counters
from velroload.target.envelope import Envelope
from velroload.target.faults import Fault, Faults
from velroload.target.metrics import Metrics
from velroload.target.passwords import Hasher
from velroload.target.ratelimit import RateLimit
from velroload.target.router import HIDDEN, Route, Router
from velroload.target.service.accounts import Accounts
from velroload.target.service.gallery import Gallery
from velroload.target.service.identity import Identity
from velroload.target.service.media import Media
from velroload.target.service.progress import Progress
from velroload.target.service.provider import Provider
from velroload.target.service.rights import Rights, permission_key
from velroload.target.servicelog import ServiceLog
from velroload.target.settings import Settings
from velroload.target.spent import Spent
from velroload.target.store import sqlite
from velroload.target.store.cache import GENERATION, KIND_NAMES, PERMISSION, USER, Cache
from velroload.target.store.database import Database
from velroload.target.store.generations import Generations
from velroload.target.store.l1 import L1
from velroload.target.store.l2 import L2
from velroload.target.store.pools import POSTGRES_RULES, SQLITE_RULES, Connect, Pools, Rule
from velroload.target.store.users import Users
from velroload.target.tokens import Tokens
from velroload.target.toxics import Toxics
from velroload.target.truth import Truth

BASE = "/api/v1"
REFRESH_S = 1.0


class Assembly:
    """The parts, from the counters up to the envelope; `open()` before and `close()` after use."""

    def __init__(self, settings: Settings, counters: Counters, bus: Bus) -> None:
        self.settings = settings
        self.counters = counters
        self.bus = bus
        self.hasher = Hasher(settings.scrypt_n)
        self.tokens = Tokens(settings.secret)
        self.truth = Truth(counters, bus)
        self.faults = Faults(bus)
        self.breakers = Breakers(counters, settings.recovery_s, self._breaker_changed)
        self._make_stores()
        self._make_services()
        self.log = (
            ServiceLog(settings.service_log, counters.worker) if settings.service_log else None
        )
        self._make_api()
        self._wire_faults()
        self._tasks: list[asyncio.Task[None]] = []
        counters.seal()

    async def open(self) -> None:
        """Open the pools and start what runs in the background."""
        await self.pools.open()
        await self.bus.listen()
        if self.counters.worker == 0:
            await self.l2.flush()  # what another start left there is about other data
        if self.settings.warm:
            await self._warm()
        work = [self.progress.run(), self.pools.keep_tidy(), self._keep_fresh()]
        if self.log is not None:
            work.append(self.log.run())
        self._tasks = [asyncio.create_task(each) for each in work]

    async def close(self) -> None:
        """Stop the background, close connections and files."""
        self.faults.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.bus.close()
        await self.pools.close()
        await self.l2.close()
        if self.log is not None:
            self.log.close()
        self.hasher.close()

    def _make_stores(self) -> None:
        settings, counters = self.settings, self.counters
        connect: Connect
        if settings.postgres is None:
            rules: tuple[Rule, ...] = SQLITE_RULES
            connect = lambda: sqlite.connect(settings.sqlite)  # noqa: E731
        else:
            from velroload.target.store import postgres

            rules, url = POSTGRES_RULES, settings.postgres
            connect = lambda: postgres.connect(url)  # noqa: E731
        self.pools = Pools(rules, connect, counters)
        self.database = Database(self.pools, self.breakers["database"])
        self.l2 = L2(settings.redis, self.breakers["redis"])
        self.cache = Cache(L1(), self.l2, counters, self.bus)
        self.users = Users(self.database)
        self.generations = Generations(self.database)

    def _make_services(self) -> None:
        self.identity = Identity(
            self.users, self.cache, self.tokens, self.hasher, self.truth,
            self.breakers["token"], self.bus, self.counters,
        )  # fmt: skip
        self.rights = Rights(self.generations, self.cache)
        self.provider = Provider()
        self.progress = Progress(self.generations, self.cache)
        self.gallery = Gallery(
            self.generations, self.database, self.cache, self.rights, self.provider,
            self.progress, self.breakers["generation"],
        )  # fmt: skip
        self.media = Media(self.gallery, self.cache, self.settings.secret)
        self.accounts = Accounts(
            self.users, self.generations, self.identity, self.hasher, self.cache
        )

    def _make_api(self) -> None:
        audit = Audit(self.truth)
        self.metrics = Metrics(
            self.truth, self.cache, self.pools, self.breakers, self.settings.database
        )
        routes: list[Route] = [
            *public.routes(BASE),
            *AuthApi(self.identity, audit).routes(BASE),
            *GenerationsApi(self.identity, self.gallery, self.media, self.rights, audit).routes(
                BASE
            ),
            *AccountsApi(self.identity, self.accounts).routes(BASE),
            *StatusApi(self.metrics).routes(BASE),
            *ObserverApi(
                self.truth, self.faults, self.settings.fault_token, self._more_truth
            ).routes(),
        ]
        self.truth.add_rows(route.name for route in routes if HIDDEN not in route.path)
        self.faults.endpoints = self.truth.rows
        limit = self.settings.limit
        self.envelope = Envelope(
            Router(routes), self.truth, Toxics(self.faults),
            RateLimit(limit) if limit else None, self.log,
        )  # fmt: skip

    def _wire_faults(self) -> None:
        when, breakers = self.faults.when, self.breakers
        if self.l2.state == "off":
            self.faults.impossible["redis_down"] = "there is no Redis here; name one with --redis"

        async def nothing(fault: Fault) -> None:
            """What happened at once needs no end."""

        async def database_down(fault: Fault) -> None:
            await self.database.go_down()

        async def database_up(fault: Fault) -> None:
            await self.database.come_up()

        async def redis_down(fault: Fault) -> None:
            await self.l2.go_down()

        async def redis_up(fault: Fault) -> None:
            await self.l2.come_up()

        async def provider(fault: Fault) -> None:
            self.provider.down = fault.ended_ns is None

        async def leak(fault: Fault) -> None:
            self.rights.leaking = fault.ended_ns is None

        async def exhaust(fault: Fault) -> None:
            await self.pools.named(fault.settings["pool"]).exhaust()

        async def relieve(fault: Fault) -> None:
            await self.pools.named(fault.settings["pool"]).relieve()

        async def trip(fault: Fault) -> None:
            breakers[fault.settings["breaker"]].trip()

        async def flush(fault: Fault) -> None:
            await self._flush(fault.settings.get("layer", "all"))

        async def hinder(fault: Fault) -> None:
            self._hinder()

        when("database_down", database_down, database_up)
        when("redis_down", redis_down, redis_up)
        when("provider_down", provider, provider)
        when("cross_users", leak, leak)
        when("exhaust_pool", exhaust, relieve)
        when("trip_breaker", trip, nothing)
        when("flush_cache", flush, nothing)
        when("latency", hinder, hinder)

    def _hinder(self) -> None:
        faults = self.faults
        self.database.hinder = (
            (lambda: faults.delay("database")) if faults.acts_on("database") else None
        )
        self.l2.hinder = (lambda: faults.delay("redis")) if faults.acts_on("redis") else None

    async def _flush(self, layer: str) -> None:
        if layer in ("L1", "all"):
            self.tokens.forget()
        await self.cache.flush(layer)

    async def _warm(self) -> None:
        """L1 gets every account and the hot generations with their owners' permission."""
        spent = Spent()
        shared = self.counters.worker == 0 and self.l2.state != "off"
        users = await self.users.all(spent)
        hot = await self.generations.hot(spent)
        shelf = self.cache.shelf
        await shelf(USER).warm({f"user:{user.id}": user for user in users}, shared)
        await shelf(GENERATION).warm({f"gen:{each.id}": each for each in hot}, shared)
        own = {permission_key(each.user_id, each.id): "owner" for each in hot}
        await shelf(PERMISSION).warm(own, shared)

    async def _keep_fresh(self) -> None:
        while True:
            self.metrics.refresh()
            await asyncio.sleep(REFRESH_S)

    def _breaker_changed(self, name: str, before: State, after: State) -> None:
        self.truth.event(
            "breaker", breaker=name, before=before.name.lower(), after=after.name.lower()
        )

    def _more_truth(self) -> dict[str, Any]:
        log = self.log
        return {
            "lookups": {kind: self.cache.outcomes(kind) for kind in KIND_NAMES},
            "by_worker": self.metrics.by_worker(),
            "pools": self.metrics.pools(),
            "breakers": self.metrics.breakers(),
            "database": self.settings.database,
            "redis": self.l2.state,
            "service_log": log.as_json(list(self.truth.rows)) if log else None,
        }
