"""The revisions of a wallet's tables."""
