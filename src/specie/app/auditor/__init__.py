"""The independent auditor: reads the three logs, believes no table of theirs, and adds everything up itself."""
