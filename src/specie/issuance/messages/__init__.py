"""The objects of issuance, their bytes and their limits (ISSUANCE section 4, annex A)."""
