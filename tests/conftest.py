"""Settings of all tests."""

from hypothesis import settings

# no deadlines on a shared machine, and the same examples on each run
settings.register_profile("qtheory", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("qtheory")
