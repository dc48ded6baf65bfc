"""pending → processing → completed, on a clock that only the test moves."""

import asyncio
from pathlib import Path

from tests.target.parts import Stores
from velroload.target.service.progress import PENDING_S, PROCESSING_S, Progress
from velroload.target.spent import Spent
from velroload.target.store.cache import GENERATION
from velroload.target.store.generations import Generations


def test_from_pending_to_completed_though_the_database_is_down(tmp_path: Path) -> None:
    async def main() -> None:
        stores = Stores(tmp_path)
        now_s = 0.0
        generations = Generations(stores.database)
        progress = Progress(generations, stores.cache, lambda: now_s)
        key = stores.data.generations[0][0]
        shelf = stores.cache.shelf(GENERATION)

        async def status() -> str:
            row = await shelf.look_up(
                f"gen:{key}", lambda spent: generations.by_id(key, spent), Spent()
            )
            assert row is not None
            return row.status

        await generations.move_all([("pending", "a", None, key)], Spent())
        progress.add(key)
        await progress.step()
        assert await status() == "pending"
        now_s += PENDING_S
        await stores.database.go_down()
        await progress.step()
        await stores.database.come_up()
        assert await status() == "pending"
        await progress.step()
        assert await status() == "processing"
        now_s += PROCESSING_S
        await progress.step()
        assert await status() == "completed"
        await stores.pools.close()

    asyncio.run(main())
