"""The part of the core that waits."""
