"""The tables of one wallet: all the SQL of the holder's side. Each wallet has a database file of its own."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
