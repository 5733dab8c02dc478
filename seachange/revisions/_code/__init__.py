"""What the code of a revision does, read from its syntax tree: which SQL it sends, and in which transaction."""
