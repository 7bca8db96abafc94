"""What every room stands on: errors, clock, ids, amounts, canonical CBOR and the database. No business."""
