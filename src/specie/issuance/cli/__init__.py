"""The commands of this room: issue, quota, supply for people; issuance for operators."""
