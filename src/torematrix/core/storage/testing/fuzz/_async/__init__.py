"""What runs a program, asynchronous."""
