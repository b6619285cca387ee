"""What all tests share: the embedded stack when a test needs it, and the fixtures over it."""

import os

# Beside the other caches: hypothesis has no setting for it in a file.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", ".local/cache/hypothesis")

import hypothesis

# How long an example takes is the machine's business: bars stand in `make bench`.
hypothesis.settings.register_profile("sans-delai", deadline=None)
hypothesis.settings.load_profile("sans-delai")

pytest_plugins = ["infra.local.pytest_stack", "kit.testing.fixtures"]
