"""Settings of all tests."""

import hypothesis

# Nothing is timed in tests: a slow machine must not fail a law.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
