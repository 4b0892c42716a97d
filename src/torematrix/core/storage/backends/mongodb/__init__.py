"""MongoDB, through PyMongo."""
