"""The targets that Seachange brings, one module or folder each."""
