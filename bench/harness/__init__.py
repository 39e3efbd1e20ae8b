"""Measures the bridge: client == TLS ==> proxy == verified TLS ==> backend."""
