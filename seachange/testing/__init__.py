"""Faces for pytest and for throwaway runs of a project's history."""
