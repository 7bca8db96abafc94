"""The tables of the three systems; the only SQL of the room, one text for SQLite and PostgreSQL."""
