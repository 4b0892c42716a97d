"""What engines that speak SQL share: how a condition is walked, and the statements that are put together from it."""
