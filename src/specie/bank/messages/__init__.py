"""What the bank says and is told: accounts, postings, receipts, statements."""
