"""The media types that our doors speak."""

COSE = "application/cose"
JSON = "application/json"
PROBLEM = "application/problem+json"
