"""Configuration, composition, command line, HTTP frame and telemetry: alone knows every room."""
