"""nginx as an independent server: where it is missing, its tests say so; in CI they fail."""

import os
import shutil

import pytest

INSTALLED = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(
    not INSTALLED and not os.environ.get("CI"),
    reason="nginx is not installed (apt-get install nginx-light): an independent server is missing",
)
