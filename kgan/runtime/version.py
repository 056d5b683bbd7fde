"""The version of kgan, said once."""

VERSION = "0.3.0"
