"""Issuance under quota: three systems that can each say no."""
