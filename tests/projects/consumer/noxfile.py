import nox
from seachange import sessions

nox.options.default_venv_backend = "uv|virtualenv"
sessions.migration_sessions(postgres=("18",))
