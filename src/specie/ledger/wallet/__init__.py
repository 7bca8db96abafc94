"""The holder's side of the ledger: finds what is one's own, pays, proves, and can be restored from its seed alone."""
