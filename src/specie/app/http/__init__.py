"""The HTTP frame: application, problems, idempotency, server and client."""
