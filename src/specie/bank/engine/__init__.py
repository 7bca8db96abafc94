"""The bank at work: one batched writer over the journal, and the intents that span rooms."""
