"""Data checks, part by part: what is asked of the rows, what pending statements have done by then, and how it is asked."""
