"""Settings of all tests."""

from hypothesis import settings

settings.register_profile("house", deadline=None)  # a busy machine must not fail a property
settings.load_profile("house")
