"""What all tests share: the embedded stack when a test needs it, and the fixtures over it."""

import os

# Beside the other caches: hypothesis has no setting for it in a file.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", ".local/cache/hypothesis")

pytest_plugins = ["infra.local.pytest_stack", "kit.testing.fixtures"]
