"""Specie: a complete digital-currency platform, money issued under quota with books that anyone can check."""

__version__ = "0.1.0"
