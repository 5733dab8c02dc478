from seachange.testing.tests import *  # noqa: F403
