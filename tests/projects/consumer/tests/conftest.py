pytest_plugins = ["seachange.testing.fixtures"]
