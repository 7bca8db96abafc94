"""The bank's tables; the only SQL of the room, one text for SQLite and PostgreSQL."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
