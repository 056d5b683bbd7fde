"""The commands of `kgan`: flags, one call of the library, printing. Nobody imports them but `kgan.__main__`."""
