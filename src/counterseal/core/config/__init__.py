"""The settings of counterseal.toml: model, table of settings, loader."""
