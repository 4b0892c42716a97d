"""What a behaviour is given, asynchronous."""
