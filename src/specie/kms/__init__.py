"""Keys: other rooms name one by its URI and ask `Keys`; they never hold it."""
