"""What is watched of the embedded target without being asked for."""

from velroload.plan.probe import ROLES, Probe

NAME = "target"
BREAKERS = ("token", "database", "redis", "generation")
METRICS = {
    "open_connections": "velro_http_connections_open",
    "db_idle": "velro_db_connections_idle",
    "db_failovers": "velro_db_pool_failovers_total",
    "rate_limited": "velro_rate_limited_total",
    **{
        f"{layer.lower()}_{what}": f'velro_cache_{what}_total{{layer="{layer}"}}'
        for layer in ("L1", "L2", "L3")
        for what in ("hits", "misses")
    },
}
POOLS = {"db_connections": "size", "db_in_use": "in_use", "db_waiting": "waiting", "db_max": "max"}
OWN_ROLES = ("open_connections", "rate_limited")
AUTHORIZATION = {
    "hits": "hits",
    "misses": "misses",
    **{
        f"{layer.lower()}_{what}": f"layers.{layer}.{what}"
        for layer in ("L1", "L2", "L3")
        for what in ("hits", "misses")
    },
}
"""Look-ups that decide who may do what. What is demanded of layers is demanded of these."""
HEADERS = {
    "status": ("X-Cache-Status", {"HIT": "hit", "MISS": "miss"}),
    "layer": ("X-Cache-Layer", {"L1": "L1", "L2": "L2", "L3": "L3"}),
}


def embedded_probes(url: str, pid: int) -> tuple[Probe, ...]:
    """Its /metrics, its status pages, its process, and what its answers say of its cache."""

    def page(name: str, path: str, values: dict[str, str], roles: dict[str, str]) -> Probe:
        pairs = tuple((key, f"$.{place}") for key, place in values.items())
        return Probe(f"{NAME}_{name}", "json", url + path, pairs, roles=tuple(roles.items()))

    same = {name: name for name in POOLS}
    return (
        Probe(f"{NAME}_metrics", "prometheus", f"{url}/metrics", tuple(METRICS.items()),
              roles=tuple((role, role) for role in OWN_ROLES)),
        page("pools", "/enterprise-pools/metrics",
             {name: f"total.{key}" for name, key in POOLS.items()}, same),
        page("authorization", "/monitoring/metrics/detailed",
             {name: f"authorization.{place}" for name, place in AUTHORIZATION.items()},
             {"authz_hits": "hits", "authz_misses": "misses",
              **{name: name for name in AUTHORIZATION if name in ROLES}}),
        page("breakers", "/monitoring/circuit-breakers",
             {name: f"circuit_breakers.{name}.state" for name in BREAKERS},
             {f"breaker_{name}": name for name in BREAKERS}),
        Probe(f"{NAME}_process", "process", f"pid:{pid}"),
        *(Probe(f"{NAME}_cache_{name}", "cache_header", header, tuple(pairs.items()))
          for name, (header, pairs) in HEADERS.items()),
    )  # fmt: skip
