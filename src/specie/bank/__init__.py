"""The bank: who has how much, why, and who may be trusted with a channel (chapter BANK)."""
