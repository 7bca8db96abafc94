"""The holders' side: officers who decide, root holders and custodians who attest, owners who redeem."""
