"""A small shop, as another team would write it."""
