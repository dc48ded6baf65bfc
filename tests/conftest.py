"""Settings of all tests."""

import os

from hypothesis import settings

from velroload._core import BUILD

settings.register_profile("house", deadline=None)  # a busy machine must not fail a property
settings.load_profile("house")
if BUILD["profile"] != "release":  # these tests are what such a core is for
    os.environ["VELROLOAD_ALLOW_DEBUG_CORE"] = "1"
