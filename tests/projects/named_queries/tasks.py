from invoke import Collection
from seachange.tasks import db, migration

ns = Collection(db, migration)
