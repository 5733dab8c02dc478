"""Reports, plans and findings as text and JSON."""
