"""The behaviours, asynchronous."""
