"""The tables; the same text for PostgreSQL and SQLite but for the type of bytes."""

TABLES = {
    "teams": ("id", "name"),
    "users": (
        "id", "email", "full_name", "role", "team_id", "credits_balance", "created_at",
        "updated_at", "salt", "digest",
    ),
    "projects": ("id", "owner_id", "team_id", "visibility"),
    "generations": (
        "id", "user_id", "project_id", "model_id", "prompt", "parameters", "status", "cost",
        "is_favorite", "created_at", "updated_at", "completed_at",
    ),
}  # fmt: skip
"""Table → columns, in the order in which rows are seeded."""

CREATE = (
    "CREATE TABLE teams (id TEXT PRIMARY KEY, name TEXT NOT NULL)",
    """CREATE TABLE users (
        id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, full_name TEXT, role TEXT NOT NULL,
        team_id TEXT, credits_balance INTEGER NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        salt {bytes} NOT NULL, digest {bytes} NOT NULL)""",
    """CREATE TABLE projects (
        id TEXT PRIMARY KEY, owner_id TEXT NOT NULL,
        team_id TEXT, visibility TEXT NOT NULL)""",
    """CREATE TABLE generations (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL,
        project_id TEXT, model_id TEXT NOT NULL, prompt TEXT NOT NULL,
        parameters TEXT NOT NULL, status TEXT NOT NULL, cost INTEGER NOT NULL,
        is_favorite INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        completed_at TEXT)""",
)
INDEXES = (
    "CREATE INDEX generations_of_user ON generations (user_id, created_at DESC, id)",
    "CREATE INDEX projects_of_user ON projects (owner_id)",
)
"""Made after the rows are in: sorting once is cheaper than placing each."""
FOREIGN_KEYS = (
    "ALTER TABLE users ADD FOREIGN KEY (team_id) REFERENCES teams (id)",
    "ALTER TABLE projects ADD FOREIGN KEY (owner_id) REFERENCES users (id),"
    " ADD FOREIGN KEY (team_id) REFERENCES teams (id)",
    "ALTER TABLE generations ADD FOREIGN KEY (user_id) REFERENCES users (id),"
    " ADD FOREIGN KEY (project_id) REFERENCES projects (id)",
)
"""PostgreSQL's, made last: one join instead of two look-ups for each row. SQLite would not look."""
