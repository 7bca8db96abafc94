"""Revisions of an institution's store."""
