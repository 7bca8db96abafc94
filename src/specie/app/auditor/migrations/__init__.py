"""The tables of the auditor, made by Alembic revisions with their SQL written by hand."""
