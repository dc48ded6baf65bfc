"""What one may see: ownership, then team, then project."""

from velroload.target.failure import Failure
from velroload.target.spent import Spent
from velroload.target.store.cache import PERMISSION, PROJECT, Cache
from velroload.target.store.generations import Generations
from velroload.target.store.rows import Generation, Project, User

DENIED = "denied"


class Rights:
    """Decides on reading, and remembers the decisions for the permissions' lives.

    `leaking` is a fault: everybody may read everything, as with a cache that mixes up users.
    """

    def __init__(self, generations: Generations, cache: Cache) -> None:
        self.leaking = False
        self._generations = generations
        self._decisions = cache.shelf(PERMISSION)
        self._projects = cache.shelf(PROJECT)

    async def to_read(self, user: User, generation_id: str, spent: Spent) -> str:
        """Why `user` may read: owner, team or project; 403 or 404 otherwise."""
        decision = await self._decisions.look_up(
            permission_key(user.id, generation_id),
            lambda spent: self._decide(user, generation_id, spent),
            spent,
        )
        if decision is None:
            raise Failure(404, "Generation not found")
        if decision == DENIED and not self.leaking:
            raise Failure(403, "Access to this generation is denied")
        return decision

    async def project_of(self, row: Generation, spent: Spent) -> Project | None:
        """The project that a generation belongs to, None for none."""
        project_id = row.project_id
        if project_id is None:
            return None
        return await self._project(project_id, spent)

    async def _decide(self, user: User, generation_id: str, spent: Spent) -> str | None:
        found = await self._generations.owner(generation_id, spent)
        if found is None:
            return None
        owner_id, project_id = found
        if owner_id == user.id:
            return "owner"
        project = await self._project(project_id, spent) if project_id else None
        return "denied" if project is None else allowed_by(project, user)

    async def _project(self, project_id: str, spent: Spent) -> Project | None:
        return await self._projects.look_up(
            f"project:{project_id}",
            lambda spent: self._generations.project(project_id, spent),
            spent,
        )


def allowed_by(project: Project, user: User) -> str:
    """What a project grants to one who is not the owner: team, project or denied."""
    if project.visibility == "team":
        return "team" if user.team_id is not None and user.team_id == project.team_id else DENIED
    return "project" if project.visibility == "public" else DENIED


def permission_key(user_id: str, generation_id: str) -> str:
    """L1's and L2's key of a decision."""
    return f"auth:{user_id}:{generation_id}:read"
