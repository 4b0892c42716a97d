"""The command line ``torematrix-storage``."""
