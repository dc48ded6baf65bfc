"""Server-Timing from what was measured."""

from time import perf_counter_ns

from velroload.target.spent import Spent


def test_the_deepest_layer_wins_and_times_add_up() -> None:
    spent = Spent()
    assert spent.header("0.10") == "app;dur=0.10"
    began_ns = perf_counter_ns()
    spent.looked_up(3, began_ns)
    spent.looked_up(1, began_ns)
    assert spent.layer == 3
    spent.cache_ns, spent.db_ns = 2_000_000, 1_500_000
    assert spent.header("9.00") == 'cache;desc="L3";dur=2.000, db;dur=1.500, app;dur=9.00'
