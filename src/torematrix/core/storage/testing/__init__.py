"""The conformance kit: what every backend has to do, as tests that anybody can run on theirs."""
