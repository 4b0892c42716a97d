"""The commands; each module's ``register`` adds its own to the program."""
