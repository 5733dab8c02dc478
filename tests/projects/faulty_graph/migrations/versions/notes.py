"""Not a revision at all."""
