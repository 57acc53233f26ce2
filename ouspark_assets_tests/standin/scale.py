"""The world that the tests of the stand-in look at, unless they need another."""

STUDENTS, RELEASES, SEED = 900, 9, 7
