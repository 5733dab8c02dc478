"""Invoke faces: parse, call one function, print."""
