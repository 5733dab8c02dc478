"""An application whose context has to be entered, as Flask's has."""

import contextlib
import contextvars
import os

from clinic_models import Base
from sqlalchemy import create_engine

_current = contextvars.ContextVar("current application")


class Application:
    metadata = Base.metadata

    @contextlib.contextmanager
    def app_context(self):
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    def engine(self):
        return create_engine(os.environ.get("DATABASE_URL", "postgresql+psycopg://nowhere.invalid/clinic"))


class _Proxy:
    def __getattr__(self, name):
        try:
            return getattr(_current.get(), name)
        except LookupError:
            raise RuntimeError("Working outside of application context.") from None


application = Application()
current_app = _Proxy()
