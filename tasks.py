"""This repository's tasks: the packaged ones, on the reference application."""

from seachange.tasks import ns

__all__ = ["ns"]
