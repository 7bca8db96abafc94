"""Textbook Python of the issuance chapter, written from docs/spec/issuance.md alone.

Slow on purpose, short on purpose, and without a single import of the package: where the package and these
files disagree, one of the two has misread the chapter.
"""
