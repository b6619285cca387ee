"""What all tests share: the embedded stack when a test needs it, and the fixtures over it."""

pytest_plugins = ["infra.local.pytest_stack", "kit.testing.fixtures"]
